import NIOCore

/// Connections: accept, frames, reattach, clean-up (protocol.md §5-§7).
extension Engine {
    /// How often dead and stuck peers are looked for while anybody is connected.
    static let sweepInterval = TimeAmount.seconds(10)

    /// Makes a worker of an upgraded socket: registry row first, then the greeting, then the event.
    func accept(_ socket: WebSocketHandler, ipAddress: String?) {
        guard socket.isOpen else { return }
        let connection = WorkerConnection(engine: self, socket: socket, ipAddress: ipAddress)
        socket.delegate = connection
        connections[connection.id] = connection
        startSweep()
        var writer = MessageWriter(type: "workerregistered")
        writer.uuid("worker_id", connection.id)
        writer.uuid("reattach_token", connection.reattachToken)
        connection.send(writer.finish())
        connection.logger.debug("worker connected", metadata: ["ip": "\(ipAddress ?? "unknown")"])
        observer?.workerConnected(connection)
    }

    public var allConnections: some Collection<WorkerConnection> { connections.values }

    public func connection(_ id: UUID) -> WorkerConnection? { connections[id] }

    /// Frames of one connection take effect strictly in arrival order: nothing here waits.
    func handle(_ message: WorkerMessage, from connection: WorkerConnection) {
        switch message {
        case .invokeFunction(let call): route(call, from: connection)
        case .invocationResult(let result): complete(result, from: connection)
        case .registerFunction(let function): register(function, from: connection)
        case .unregisterFunction(let id): unregisterFunction(id, from: connection)
        case .registerTriggerType(let type): register(type, from: connection)
        case .unregisterTriggerType(let id): unregisterTriggerType(id, from: connection)
        case .registerTrigger(let trigger): register(trigger, from: connection)
        case .triggerRegistrationResult(let result): acknowledge(result, from: connection)
        case .unregisterTrigger(let id): unregisterFromSocket(id, connection)
        case .registerService(let id, let name): register(service: id, name: name)
        case .reattach(let previous, let token): reattach(connection, to: previous, token: token)
        case .ping:
            var pong = MessageWriter(type: "pong")
            connection.send(pong.finish())
        case .ignored: break
        case .unknown(let type):
            connection.logger.debug("frame of unknown type ignored", metadata: ["frame.type": "\(type)"])
        }
    }

    /// Most services kept; nothing on the wire depends on them.
    private static let maximumServices = 65_536

    private func register(service id: String, name: String) {
        guard services.count < Self.maximumServices || services[Name(id)] != nil else { return }
        services[Name(id)] = name
    }

    // MARK: Reattach

    /// Retires the previous connection before the replayed registrations are read (protocol.md §6). One loop owns
    /// both sockets, so its clean-up is complete when this returns.
    private func reattach(_ connection: WorkerConnection, to previousID: String, token: String?) {
        guard let id = UUID(previousID) else {
            return connection.logger.warning("reattach ignored: previous_worker_id is not a UUID")
        }
        guard id != connection.id, let previous = connections[id] else { return }
        guard let token, token.utf8.elementsEqual(previous.reattachToken.description.utf8) else {
            return connection.logger.warning(
                "reattach ignored: wrong token",
                metadata: ["previous.worker.id": "\(id)"]
            )
        }
        previous.socket.drop(reason: "replaced by the worker's new connection")
    }

    // MARK: Clean-up

    /// Runs once per connection, in the order of protocol.md §7.
    func cleanUp(_ connection: WorkerConnection, reason: String) {
        removeFunctions(of: connection)
        stopInvocations(of: connection)
        removeTriggers(of: connection)
        removeTriggerTypes(of: connection)
        connections[connection.id] = nil
        if connections.isEmpty { stopSweep() }
        connection.logger.log(
            level: connection.socket.wasDropped ? .warning : .debug,
            connection.socket.wasDropped ? "worker connection dropped" : "worker disconnected",
            metadata: ["worker.name": "\(connection.displayName)", "reason": "\(reason)"]
        )
        observer?.workerDisconnected(connection)
    }

    // MARK: Keep-alive

    /// Runs only while somebody is connected: an idle engine has no timer.
    private func startSweep() {
        guard sweep == nil else { return }
        sweep = loop.assumeIsolated().scheduleTask(in: Self.sweepInterval) {
            self.sweep = nil
            let now = self.loop.now
            for connection in Array(self.connections.values) { connection.socket.sweep(now: now) }
            if !self.connections.isEmpty { self.startSweep() }
        }
    }

    private func stopSweep() {
        sweep?.cancel()
        sweep = nil
    }

    // MARK: Worker metadata

    /// Stores what `engine::workers::register` reported and tells the observers.
    public func update(_ connection: WorkerConnection, _ change: (inout WorkerConnection.Info) -> Void) {
        change(&connection.info)
        observer?.workerMetadataUpdated(connection)
    }

    // MARK: In-process workers

    public var workerInstances: [WorkerInstance] { instances }
}
