import NIOCore

/// The function registry (protocol.md §8).
extension Engine {
    /// Most functions of one connection: a client can't grow the registry without bound.
    static let maximumFunctionsPerConnection = 65_536

    /// Registers a function that runs in the engine.
    public func register(_ description: FunctionDescription, worker: String, handler: @escaping FunctionHandler) {
        serve(Function(description, target: .inProcess(worker: worker, handler: handler)))
        observer?.functionsChanged()
    }

    /// Removes an in-process worker's functions, except ids that a connected worker has taken.
    public func unregisterFunctions(ofWorker type: String) {
        let isItsOwn = { (function: Function) in
            if case .inProcess(type, _) = function.target { true } else { false }
        }
        let waiting = earlierFunctions.filter { $0.value.contains(where: isItsOwn) }.map(\.key)
        for name in functions.filter({ isItsOwn($0.value) }).map(\.key) + waiting {
            withdraw(name, where: isItsOwn)
        }
        observer?.functionsChanged()
    }

    public func function(_ id: String) -> Function? {
        functions[Name(id)]
    }

    public var allFunctions: some Collection<Function> { functions.values }

    /// Last writer wins silently, as upstream: a conflict is invisible to clients at this level. When it leaves, the
    /// earlier registration of a worker that still is connected serves again, and ids served in the engine are refused
    /// (Better).
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
        }
        let description = FunctionDescription(
            id: message.id,
            description: message.description,
            requestFormat: message.requestFormat?.detached,
            responseFormat: message.responseFormat?.detached,
            metadata: message.metadata?.detached
        )
        serve(Function(description, target: .worker(connection)))
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
        guard connection.functions.remove(name) != nil else { return }
        if withdraw(name, where: { $0.isOwned(by: connection) }) { observer?.functionsChanged() }
    }

    func removeFunctions(of connection: WorkerConnection) {
        guard !connection.functions.isEmpty else { return }
        let names = connection.functions
        connection.functions.removeAll()
        var hasChanged = false
        for name in names where withdraw(name, where: { $0.isOwned(by: connection) }) { hasChanged = true }
        if hasChanged { observer?.functionsChanged() }
    }

    // MARK: Several registrations of one id

    /// Makes a registration the current one. It replaces the owner's former one, and another owner's waits.
    private func serve(_ function: Function) {
        let name = Name(function.id)
        earlierFunctions[name]?.removeAll { $0.hasSameOwner(as: function) }
        if let current = functions[name], !current.hasSameOwner(as: function) {
            earlierFunctions[name, default: []].append(current)
        }
        functions[name] = function
    }

    /// Removes an owner's registration, wherever it is among those of its id. Returns whether it was the current one.
    @discardableResult
    private func withdraw(_ name: Name, where isOwned: (Function) -> Bool) -> Bool {
        let isCurrent = functions[name].map(isOwned) ?? false
        if isCurrent {
            functions[name] = earlierFunctions[name]?.popLast()
        } else {
            earlierFunctions[name]?.removeAll(where: isOwned)
        }
        if earlierFunctions[name]?.isEmpty == true { earlierFunctions[name] = nil }
        return isCurrent
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
