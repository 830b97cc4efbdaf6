import Logging
import NIOCore

/// A live binding made by `engine::register_trigger` whose provider, a worker, hasn't answered yet. It ends when the
/// provider answers or is lost, when the time is up, and when another registration or a removal ends the binding.
struct PendingAcknowledgement {
    let trigger: Trigger
    let timeout: Scheduled<Void>
    let completion: (InvocationError?) -> Void
}

/// Trigger types and bindings (protocol.md §11). A trigger id is in at most one of `liveTriggers` and
/// `parkedTriggers`; one loop owns both, so moves are atomic.
extension Engine {
    static let maximumTriggersPerConnection = 65_536
    /// How long `engine::register_trigger` waits for a provider that is a worker.
    static let providerTimeout = TimeAmount.seconds(10)

    public func triggerType(_ id: String) -> TriggerType? { triggerTypes[Name(id)] }
    public var allTriggerTypes: some Collection<TriggerType> { triggerTypes.values }
    public func liveTrigger(_ id: String) -> Trigger? { liveTriggers[Name(id)] }
    public var allLiveTriggers: some Collection<Trigger> { liveTriggers.values }

    // MARK: Types

    /// Declares a trigger type that is served in the engine; parked bindings of it come alive.
    public func register(_ description: TriggerTypeDescription, provider: any TriggerProvider, worker: String) {
        publish(TriggerType(description, provider: .inProcess(provider, worker: worker)))
        logger.info("[REGISTERED] Trigger Type \(description.id)")
    }

    /// A worker provides a type. It replaces any earlier provider, except one in the engine (Better): built-in types
    /// stay as long as their worker runs.
    func register(_ message: WorkerMessage.RegisterTriggerType, from connection: WorkerConnection) {
        let existing = triggerTypes[Name(message.id)]
        if case .inProcess(_, let worker) = existing?.provider {
            return connection.logger.warning(
                "trigger type registration refused: the type is served in the engine",
                metadata: ["trigger.type": "\(message.id)", "worker": "\(worker)"]
            )
        }
        let defaults = BuiltInTriggerTypes.description(of: message.id)
        let description = TriggerTypeDescription(
            id: message.id,
            description: message.description,
            configurationSchema: message.triggerRequestFormat?.detached ?? defaults?.configurationSchema,
            requestSchema: message.callRequestFormat?.detached ?? defaults?.requestSchema,
            responseSchema: defaults?.responseSchema
        )
        publish(TriggerType(description, provider: .worker(connection)))
    }

    private func publish(_ type: TriggerType) {
        let id = type.description.id
        triggerTypes[Name(id)] = type
        // A new provider gets every live binding again; providers are idempotent by id. Sending can end a provider that
        // doesn't read, and with it the type: what its clean-up has parked stays parked.
        for trigger in liveTriggers.values where Name(trigger.type) == Name(id) {
            guard triggerTypes[Name(id)] === type else { return }
            if liveTriggers[Name(trigger.id)] === trigger { replay(trigger, to: type) }
        }
        for trigger in parkedTriggers.values where Name(trigger.type) == Name(id) {
            guard triggerTypes[Name(id)] === type else { return }
            if parkedTriggers[Name(trigger.id)] === trigger { activate(trigger, by: type) }
        }
    }

    private func replay(_ trigger: Trigger, to type: TriggerType) {
        switch type.provider {
        case .worker(let provider):
            sendRegistration(of: trigger, to: provider)
        case .inProcess(let provider, _):
            do throws(InvocationError) {
                try provider.register(trigger, replacing: nil)
                resolve(Name(trigger.id), error: nil)
            } catch {
                liveTriggers[Name(trigger.id)] = nil
                trigger.owner?.triggers.remove(Name(trigger.id))
                report(error, for: trigger)
                resolve(Name(trigger.id), error: error)
            }
        }
    }

    private func activate(_ trigger: Trigger, by type: TriggerType) {
        parkedTriggers[Name(trigger.id)] = nil
        guard trigger.owner?.isClosed != true else { return }
        liveTriggers[Name(trigger.id)] = trigger
        replay(trigger, to: type)
    }

    func unregisterTriggerType(_ id: String, from connection: WorkerConnection) {
        guard let type = triggerTypes[Name(id)], type.isProvided(by: connection) else { return }
        remove(type)
    }

    func removeTriggerTypes(of connection: WorkerConnection) {
        for type in triggerTypes.values where type.isProvided(by: connection) { remove(type) }
    }

    /// The type goes; bindings of other owners are parked with their ids.
    private func remove(_ type: TriggerType) {
        let id = Name(type.description.id)
        triggerTypes[id] = nil
        for trigger in liveTriggers.values where Name(trigger.type) == id { park(trigger) }
        for pending in pendingAcknowledgements.values where Name(pending.trigger.type) == id {
            resolve(Name(pending.trigger.id), error: nil)
        }
    }

    private func park(_ trigger: Trigger) {
        liveTriggers[Name(trigger.id)] = nil
        parkedTriggers[Name(trigger.id)] = trigger
        logger.info(
            "trigger parked until its type is provided",
            metadata: [
                "trigger.id": "\(trigger.id)", "trigger.type": "\(trigger.type)",
                "provider": "\(BuiltInTriggerTypes.installHint(for: trigger.type) ?? "unknown")",
            ]
        )
    }

    // MARK: Bindings from sockets

    func register(_ message: WorkerMessage.RegisterTrigger, from connection: WorkerConnection) {
        let trigger = Trigger(
            id: message.id,
            type: message.type,
            functionID: message.functionID,
            config: message.config.detached,
            metadata: message.metadata?.detached,
            owner: connection
        )
        do throws(InvocationError) {
            let hasRoom = connection.triggers.count < Self.maximumTriggersPerConnection
            guard hasRoom || connection.triggers.contains(Name(trigger.id)) else {
                throw .triggerRegistrationFailed(
                    "the worker already has \(Self.maximumTriggersPerConnection) triggers"
                )
            }
            try bind(trigger)
        } catch {
            report(error, for: trigger)
        }
    }

    /// Stores a binding: live when its type accepts it, parked when nobody provides the type.
    private func bind(_ trigger: Trigger) throws(InvocationError) {
        let name = Name(trigger.id)
        let replaced = liveTriggers[name]
        guard let type = triggerTypes[name: trigger.type] else {
            if let replaced { withdraw(replaced) }
            parkedTriggers[name]?.owner?.triggers.remove(name)
            park(trigger)
            trigger.owner?.triggers.insert(name)
            return
        }
        let isSameType = replaced.map { Name($0.type) == Name(trigger.type) } ?? false
        if case .inProcess(let provider, _) = type.provider {
            try provider.register(trigger, replacing: isSameType ? replaced : nil)
        }
        if let replaced, !isSameType { withdraw(replaced) }
        replaced?.owner?.triggers.remove(name)
        parkedTriggers.removeValue(forKey: name)?.owner?.triggers.remove(name)
        liveTriggers[name] = trigger
        trigger.owner?.triggers.insert(name)
        if case .worker(let provider) = type.provider { sendRegistration(of: trigger, to: provider) }
        resolve(name, error: .bindingEnded)
    }

    /// Tells the provider of a live binding that it is gone, whatever it answers.
    private func withdraw(_ trigger: Trigger) {
        do throws(InvocationError) {
            try tellProvider(ofRemoved: trigger)
        } catch {
            logger.warning(
                "trigger provider failed to unregister",
                metadata: ["trigger.id": "\(trigger.id)", "error": "\(error)"]
            )
        }
        forget(trigger)
    }

    /// Telling the provider can have ended it, which parks the binding.
    private func forget(_ trigger: Trigger) {
        let name = Name(trigger.id)
        if liveTriggers[name] === trigger { liveTriggers[name] = nil }
        if parkedTriggers[name] === trigger { parkedTriggers[name] = nil }
        trigger.owner?.triggers.remove(name)
        resolve(name, error: .bindingEnded)
    }

    private func tellProvider(ofRemoved trigger: Trigger) throws(InvocationError) {
        switch triggerTypes[name: trigger.type]?.provider {
        case .inProcess(let provider, _): try provider.unregister(trigger)
        case .worker(let provider): sendUnregistration(of: trigger, to: provider)
        case nil: break
        }
    }

    /// Sends a failure to the worker that registered the binding; success is never acknowledged to it.
    private func report(_ error: InvocationError, for trigger: Trigger) {
        logger.warning(
            "trigger registration failed",
            metadata: [
                "trigger.id": "\(trigger.id)", "trigger.type": "\(trigger.type)", "error": "\(error.message)",
            ]
        )
        guard let owner = trigger.owner, !owner.isClosed else { return }
        var writer = MessageWriter(type: "triggerregistrationresult")
        writer.string("id", trigger.id)
        writer.string("trigger_type", trigger.type)
        writer.string("function_id", trigger.functionID)
        writer.error("error", error)
        owner.send(writer.finish())
    }

    private func sendRegistration(of trigger: Trigger, to provider: WorkerConnection) {
        var writer = MessageWriter(type: "registertrigger", payloadBytes: trigger.config.count)
        writer.string("id", trigger.id)
        writer.string("trigger_type", trigger.type)
        writer.string("function_id", trigger.functionID)
        writer.raw("config", trigger.config)
        writer.raw("metadata", ifPresent: trigger.metadata)
        provider.send(writer.finish())
    }

    private func sendUnregistration(of trigger: Trigger, to provider: WorkerConnection) {
        var writer = MessageWriter(type: "unregistertrigger")
        writer.string("id", trigger.id)
        writer.string("trigger_type", trigger.type)
        provider.send(writer.finish())
    }

    // MARK: Removal

    /// Removes a binding, whoever registered it. Returns whether it existed.
    public func unregisterTrigger(_ id: String) throws(InvocationError) -> Bool {
        let name = Name(id)
        if let parked = parkedTriggers.removeValue(forKey: name) {
            parked.owner?.triggers.remove(name)
            return true
        }
        guard let trigger = liveTriggers[name] else { return false }
        try tellProvider(ofRemoved: trigger)
        forget(trigger)
        return true
    }

    func unregisterFromSocket(_ id: String, _ connection: WorkerConnection) {
        do throws(InvocationError) {
            _ = try unregisterTrigger(id)
        } catch {
            connection.logger.warning(
                "trigger not unregistered",
                metadata: ["trigger.id": "\(id)", "error": "\(error)"]
            )
        }
    }

    func removeTriggers(of connection: WorkerConnection) {
        for name in connection.triggers {
            if let trigger = liveTriggers[name], trigger.owner === connection { withdraw(trigger) }
            if let trigger = parkedTriggers[name], trigger.owner === connection { parkedTriggers[name] = nil }
        }
        connection.triggers.removeAll()
    }

    // MARK: Answers of providers

    /// A provider's answer counts only from the connection that owns the type now.
    func acknowledge(_ result: WorkerMessage.TriggerRegistrationResult, from connection: WorkerConnection) {
        let name = Name(result.id)
        guard let trigger = liveTriggers[name], let type = triggerTypes[name: trigger.type],
            type.isProvided(by: connection)
        else { return }
        if pendingAcknowledgements[name] != nil {
            if result.error != nil { liveTriggers[name] = nil }
            return resolve(name, error: result.error)
        }
        guard let error = result.error else { return }
        park(trigger)
        report(error, for: trigger)
    }

    private func resolve(_ name: Name, error: InvocationError?) {
        guard let pending = pendingAcknowledgements.removeValue(forKey: name) else { return }
        pending.timeout.cancel()
        pending.completion(error)
    }

    // MARK: engine::register_trigger

    /// Makes an ownerless binding, under a fresh id if none is given. `completion` gets the failure, or nil: at once for
    /// types in the engine and parked ones; after the provider's answer, its loss or 10 s when a worker provides the
    /// type.
    public func bind(
        id: String? = nil,
        type: String,
        functionID: String,
        config: RawJSON,
        metadata: RawJSON?,
        completion: @escaping (String, InvocationError?) -> Void
    ) {
        let id = id ?? makeUUID().description
        let trigger = Trigger(
            id: id,
            type: type,
            functionID: functionID,
            config: config.detached,
            metadata: metadata?.detached
        )
        do throws(InvocationError) {
            try bind(trigger)
        } catch {
            return completion(id, error)
        }
        // Sending the binding can have ended its provider, which parks it.
        guard liveTriggers[Name(id)] === trigger, case .worker = triggerTypes[name: type]?.provider else {
            return completion(id, nil)
        }
        let timeout = loop.assumeIsolated().scheduleTask(in: Self.providerTimeout) {
            self.resolve(Name(id), error: nil)
        }
        pendingAcknowledgements[Name(id)] = PendingAcknowledgement(trigger: trigger, timeout: timeout) { error in
            completion(id, error.map { .triggerRegistrationFailed("\($0.code): \($0.message)") })
        }
    }

    // MARK: Firing

    /// Calls a binding's function with the binding's metadata. Results are ignored, errors logged.
    public func fire(_ trigger: Trigger, data: RawJSON, trace: TraceContext = .none, done: (() -> Void)? = nil) {
        let logger = self.logger
        invoke(trigger.functionID, data: data, metadata: trigger.metadata, trace: trace) { outcome in
            if case .failure(let error) = outcome {
                logger.warning(
                    "trigger handler failed",
                    metadata: [
                        "trigger.id": "\(trigger.id)", "function": "\(trigger.functionID)", "error": "\(error)",
                    ]
                )
            }
            done?()
        }
    }

    /// Asks a condition function. Only JSON `false` says no; an error skips the handler too (protocol.md §11.8).
    public func evaluate(
        condition functionID: String,
        data: RawJSON,
        trace: TraceContext = .none,
        decision: @escaping (Result<Bool, InvocationError>) -> Void
    ) {
        invoke(functionID, data: data, trace: trace) { outcome in
            switch outcome {
            case .success(let value): decision(.success(value?.isFalse != true))
            case .failure(let error): decision(.failure(error))
            }
        }
    }
}

extension InvocationError {
    /// To the caller of `engine::register_trigger` that still waits for the provider.
    fileprivate static let bindingEnded = InvocationError(
        code: "trigger_unregistered",
        message: "the trigger was unregistered, or its id registered again, before the provider answered"
    )
}

extension Dictionary where Key == Name {
    subscript(name name: String) -> Value? { self[Name(name)] }
}
