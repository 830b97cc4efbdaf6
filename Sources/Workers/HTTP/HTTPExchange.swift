import Engine
import NIOCore
import NIOHTTP1

/// One request from its head to the decision of its response (http.md §6). It outlives its connection when the client
/// leaves: the function runs on, its result is dropped.
final class HTTPExchange {
    private enum State {
        /// Waits for a slot.
        case waiting
        /// Reads a JSON body.
        case collecting(HTTPRoute, parameters: [Substring])
        /// Condition or handler are called.
        case running
        case done
    }

    let head: HTTPRequestHead
    /// Set when a slot is taken.
    var deadline = NIODeadline.distantFuture

    private let service: HTTPService
    private weak var connection: HTTPConnection?
    private let target: RequestTarget
    private var state = State.waiting
    private var hasSlot = false
    private var body = ByteBuffer()

    init(head: HTTPRequestHead, service: HTTPService, connection: HTTPConnection) {
        self.head = head
        self.service = service
        self.connection = connection
        target = RequestTarget(head.uri)
    }

    var isDone: Bool {
        if case .done = state { true } else { false }
    }

    /// Whether body parts can be taken now. While a slot is awaited they stay in the client's hands.
    var isWaiting: Bool {
        if case .waiting = state { true } else { false }
    }

    // MARK: From the connection

    func start() {
        switch service.acquireSlot(self) {
        case .granted:
            begin()
        case .queued:
            break
        case .refused:
            finish(service.failure(503, code: "OVERLOADED", message: "Too many requests are waiting; try again later"))
        }
    }

    /// A part of the request body. Only JSON is kept; everything else is dropped as it comes.
    func receive(_ part: ByteBuffer) {
        guard case .collecting = state else { return }
        guard body.readableBytes + part.readableBytes <= HTTPLimits.bodyBytes else { return refuseBody() }
        if body.readableBytes == 0 { body = part } else { body.writeImmutableBuffer(part) }
    }

    /// The body is complete, or the client stopped sending: what arrived counts as the body (http.md §8).
    func endBody() {
        guard case .collecting(let route, let parameters) = state else { return }
        let collected = body
        body = ByteBuffer()
        run(route, parameters, body: collected)
    }

    /// The client is gone.
    func detach() {
        connection = nil
        switch state {
        case .waiting:
            state = .done
            service.cancelWaiting(self)
        case .collecting:
            endBody()
        case .running, .done:
            break
        }
    }

    /// The connection answered by itself: what hasn't begun never will, what runs is left alone.
    func abandon() {
        connection = nil
        if isWaiting { service.cancelWaiting(self) }
        if case .running = state { return }
        finish(.empty(400))
    }

    // MARK: From the service

    /// The slot is taken: the clock runs from here.
    func begin() {
        hasSlot = true
        service.deadlines.add(self)
        let method = RouteMethod(rawValue: head.method.rawValue)
        switch service.routes.match(target.path, method) {
        case .route(let registration, let parameters) where method != .OPTIONS || !isPreflight:
            accept(registration.route, parameters)
        case _ where method == .OPTIONS:
            finish(.empty(200))
        case .methodNotAllowed(let allowed):
            var response = HTTPResponse.empty(405)
            response.headers.add("allow", allowed.map(\.rawValue).joined(separator: ","))
            finish(response)
        case .notFound, .route:
            finish(service.failure(404, code: "NOT_FOUND", message: "Not Found"))
        }
    }

    func timeOut() {
        var response = service.failure(504, code: "TIMEOUT", message: "Request timed out")
        // A body that is still missing has stalled: there is no next request to wait for.
        if case .collecting = state { response.closesConnection = true }
        finish(response)
    }

    // MARK: Steps

    private var isPreflight: Bool { head.headers.contains(name: "access-control-request-method") }

    /// The spelling is part of the contract (http.md §8): other cases and types are not JSON.
    private var isJSON: Bool {
        head.headers.first(name: "content-type")?.utf8.holds("application/json") ?? false
    }

    private func accept(_ route: HTTPRoute, _ parameters: [Substring]) {
        guard isJSON else {
            state = .running
            connection?.continueBody(of: self)
            return run(route, parameters, body: nil)
        }
        state = .collecting(route, parameters: parameters)
        let declared = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard declared <= HTTPLimits.bodyBytes else { return refuseBody() }
        connection?.continueBody(of: self)
    }

    private func refuseBody() {
        finish(
            service.failure(
                413,
                code: "PAYLOAD_TOO_LARGE",
                message: "A JSON body may have at most \(HTTPLimits.bodyBytes) bytes; split it into several requests"
            )
        )
    }

    private func run(_ route: HTTPRoute, _ parameters: [Substring], body: ByteBuffer?) {
        state = .running
        let data = RequestData(
            route: route,
            head: head,
            query: target.query,
            parameters: parameters,
            body: body,
            allocator: service.allocator
        )
        guard let condition = route.conditionFunctionID else { return invoke(route, data) }
        service.engine.evaluate(condition: condition, data: data.forCondition) { decision in
            guard !self.isDone else { return }
            switch decision {
            case .success(true): self.invoke(route, data)
            case .success(false): self.finish(HTTPService.conditionNotMet)
            case .failure(let error): self.fail(error, functionID: condition)
            }
        }
    }

    private func invoke(_ route: HTTPRoute, _ data: RequestData) {
        let engine = service.engine
        engine.invoke(
            route.trigger.functionID,
            data: data.forHandler(engine.makeUUID),
            metadata: route.trigger.metadata,
            trace: TraceContext(
                traceparent: head.headers.first(name: "traceparent"),
                baggage: head.headers.first(name: "baggage")
            )
        ) { outcome in
            guard !self.isDone else { return }
            switch outcome {
            case .success(let value):
                if let value, !value.isNull { return self.finish(HTTPResponse(functionResult: value)) }
                // Response channels (http.md §12), through which it could still answer, are not served yet.
                self.fail(.noResponse(route.trigger.functionID), functionID: route.trigger.functionID)
            case .failure(let error):
                self.fail(error, functionID: route.trigger.functionID)
            }
        }
    }

    private func fail(_ error: InvocationError, functionID: String) {
        finish(service.internalFailure(error, functionID: functionID))
    }

    /// The response is decided: it goes out, and the slot to the next request.
    private func finish(_ response: HTTPResponse) {
        guard !isDone else { return }
        state = .done
        body = ByteBuffer()
        var response = response
        service.cors.apply(
            to: &response.headers,
            origin: head.headers.first(name: "origin"),
            isPreflight: head.method == .OPTIONS
        )
        connection?.respond(response, to: self)
        guard hasSlot else { return }
        service.deadlines.noteFinished()
        service.releaseSlot()
    }
}

extension InvocationError {
    fileprivate static func noResponse(_ functionID: String) -> InvocationError {
        InvocationError(
            code: "NO_RESPONSE",
            message: "Function \(functionID) returned nothing, and this version of the engine serves no response "
                + "channels; return an object with status_code, headers and body"
        )
    }
}

extension String.UTF8View {
    fileprivate func holds(_ needle: StaticString) -> Bool {
        needle.withUTF8Buffer { needle in
            let length = needle.count
            guard count >= length else { return false }
            return indices.contains { self[$0...].starts(with: needle) }
        }
    }
}
