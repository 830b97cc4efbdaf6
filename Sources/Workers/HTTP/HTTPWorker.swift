import Engine
import Logging
import NIOCore

/// The in-process worker `iii-http`: serves functions over HTTP/1.1 through `http` triggers (http.md).
///
/// Middleware and channel-streamed bodies (§10, §12) are not served by this version.
public final class HTTPWorker: Worker {
    public let type = "iii-http"
    public let summary = "Serves functions over HTTP through http triggers."
    public static let triggerType = "http"

    let configuration: HTTPConfiguration
    private let group: any EventLoopGroup
    let logger = Logger(label: "iii::workers::rest_api")
    private var state = State.idle
    /// Live bindings by trigger id.
    var bindings: [Name: HTTPRoute] = [:]

    private enum State {
        case idle
        case running(HTTPService, HTTPServer)
    }

    /// `group` holds the engine's loop and nothing else.
    public init(configuration: HTTPConfiguration, group: any EventLoopGroup) {
        self.configuration = configuration
        self.group = group
    }

    /// The bound address; with port 0 in the configuration this tells the real one.
    public var localAddress: SocketAddress? { server?.localAddress }

    var service: HTTPService? {
        if case .running(let service, _) = state { service } else { nil }
    }

    var server: HTTPServer? {
        if case .running(_, let server) = state { server } else { nil }
    }

    public func initialize(_ engine: Engine) throws {
        let service = HTTPService(engine: engine, configuration: configuration, logger: logger)
        state = .running(service, HTTPServer(service: service, logger: logger))
        if let origins = configuration.cors?.allowedOrigins, origins.count > 1, origins.contains("*") {
            logger.warning("cors.allowed_origins holds `*` besides other origins: every origin is allowed")
        }
        if configuration.isConcurrencyLimitClamped {
            logger.warning("concurrency_request_limit is 0, which would serve nothing: 1 is used")
        }
        if let description = BuiltInTriggerTypes.description(of: Self.triggerType) {
            engine.register(description, provider: self, worker: type)
        }
    }

    public func start(_ engine: Engine) -> EventLoopFuture<Void> {
        server?.bind(host: configuration.host, port: configuration.port, group: group)
            ?? engine.loop.makeSucceededVoidFuture()
    }

    public func drain(_ engine: Engine, until deadline: NIODeadline) -> EventLoopFuture<Void> {
        server?.drain(until: deadline) ?? engine.loop.makeSucceededVoidFuture()
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        server?.abort()
        service?.deadlines.stop()
        return engine.loop.makeSucceededVoidFuture()
    }
}

extension HTTPWorker: TriggerProvider {
    /// Takes a route, or throws `trigger_registration_failed`; then nothing has changed (http.md §4).
    public func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        guard let service else { throw .triggerRegistrationFailed("iii-http is not running") }
        let route = try HTTPRoute(trigger)
        // A replay after a restart of the provider names no predecessor; the id does.
        let previous = bindings[Name(trigger.id)]
        if let other = service.routes.conflict(with: route.pattern, route.method, ignoring: previous) {
            throw .triggerRegistrationFailed(
                "Route '\(route.method.rawValue) \(route.pattern.template)' conflicts with already-registered route "
                    + "'\(other.method.rawValue) \(other.pattern.template)': routes with identical structure but "
                    + "different path-parameter names are not supported"
            )
        }
        if let previous { service.routes.remove(previous, pattern: previous.pattern) }
        service.routes.insert(.init(method: route.method, pattern: route.pattern, route: route))
        bindings[Name(trigger.id)] = route
    }

    /// Takes a route out if this very registration still owns the id: the clean-up of a stale connection must not
    /// delete what its successor has registered.
    public func unregister(_ trigger: Trigger) {
        guard let route = bindings[Name(trigger.id)], route.trigger === trigger else { return }
        bindings[Name(trigger.id)] = nil
        service?.routes.remove(route, pattern: route.pattern)
    }
}
