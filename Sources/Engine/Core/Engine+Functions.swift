import NIOCore

/// The function registry (protocol.md §8).
extension Engine {
    /// Most functions of one connection: a client can't grow the registry without bound.
    static let maximumFunctionsPerConnection = 65_536

    /// Registers a function that runs in the engine.
    public func register(_ description: FunctionDescription, worker: String, handler: @escaping FunctionHandler) {
        functions[Name(description.id)] = Function(description, target: .inProcess(worker: worker, handler: handler))
        observer?.functionsChanged()
    }

    /// Removes an in-process worker's functions, except ids that a connected worker has taken.
    public func unregisterFunctions(ofWorker type: String) {
        let isOther = { (function: Function) in
            if case .inProcess(type, _) = function.target { false } else { true }
        }
        functions = functions.filter { isOther($0.value) }
        shadowedFunctions = shadowedFunctions.filter { isOther($0.value) }
        observer?.functionsChanged()
    }

    public func function(_ id: String) -> Function? {
        functions[Name(id)]
    }

    public var allFunctions: some Collection<Function> { functions.values }

    /// Last writer wins silently, as upstream: a conflict is invisible to clients at this level. Ids served in the
    /// engine are refused (Better).
    func register(_ message: WorkerMessage.RegisterFunction, from connection: WorkerConnection) {
        let name = Name(message.id)
        if let reason = refusal(of: message, from: connection) {
            connection.logger.warning(
                "function registration refused",
                metadata: ["function.id": "\(message.id)", "reason": "\(reason)"]
            )
            return
        }
        if case .worker(let previous) = functions[name]?.target, previous !== connection {
            connection.logger.warning(
                "function taken over from another worker",
                metadata: ["function.id": "\(message.id)", "previous.worker.id": "\(previous.id)"]
            )
            previous.functions.remove(name)
        }
        let description = FunctionDescription(
            id: message.id,
            description: message.description,
            requestFormat: message.requestFormat?.detached,
            responseFormat: message.responseFormat?.detached,
            metadata: message.metadata?.detached
        )
        if let own = functions[name], own.isInProcess { shadowedFunctions[name] = own }
        functions[name] = Function(description, target: .worker(connection))
        connection.functions.insert(name)
        if let segment = message.id.firstSegment { services[Name(segment)] = services[Name(segment)] ?? segment }
        observer?.functionsChanged()
    }

    private func refusal(of message: WorkerMessage.RegisterFunction, from connection: WorkerConnection) -> String? {
        if message.id.isEmpty { return "the id is empty" }
        if message.invocation != nil { return "HTTP functions module not loaded" }
        if message.id.utf8.starts(with: "engine::".utf8), message.id != Self.enqueueFunctionID {
            return "ids starting with engine:: are served by the engine"
        }
        if functions[Name(message.id)]?.isInProcess == true, message.id != Self.enqueueFunctionID {
            return "the id is served by the engine"
        }
        if connection.functions.count >= Self.maximumFunctionsPerConnection,
            !connection.functions.contains(Name(message.id))
        {
            return "the worker already has \(Self.maximumFunctionsPerConnection) functions"
        }
        return nil
    }

    func unregisterFunction(_ id: String, from connection: WorkerConnection) {
        let name = Name(id)
        guard functions[name]?.isOwned(by: connection) == true else { return }
        functions[name] = shadowedFunctions.removeValue(forKey: name)
        connection.functions.remove(name)
        observer?.functionsChanged()
    }

    func removeFunctions(of connection: WorkerConnection) {
        guard !connection.functions.isEmpty else { return }
        for name in connection.functions where functions[name]?.isOwned(by: connection) == true {
            functions[name] = shadowedFunctions.removeValue(forKey: name)
        }
        connection.functions.removeAll()
        observer?.functionsChanged()
    }

    /// Owner's name as discovery shows it (engine-functions.md §3): current owner, else the id's first segment.
    public func workerName(of function: Function) -> String {
        switch function.target {
        case .inProcess(let worker, _): worker
        case .worker(let connection): connection.info.name ?? function.id.firstSegment ?? function.id
        }
    }
}

extension String {
    /// The part before the first `::`; nil when there is none.
    public var firstSegment: String? {
        let bytes = utf8
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let next = bytes.index(after: index)
            if bytes[index] == UInt8(ascii: ":"), next != bytes.endIndex, bytes[next] == UInt8(ascii: ":") {
                return String(self[startIndex..<index])
            }
            index = next
        }
        return nil
    }
}

extension RawJSON {
    /// A copy of its own, so that a stored schema doesn't keep the whole frame alive that it came in.
    public var detached: RawJSON {
        RawJSON(validated: buffer.withUnsafeReadableBytes { ByteBuffer(bytes: $0) })
    }
}
