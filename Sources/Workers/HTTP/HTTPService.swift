import Engine
import Logging
import NIOCore
import NIOHTTP1

/// What all requests share: routes, slots, timeouts, CORS. Confined to the engine's event loop.
final class HTTPService {
    let engine: Engine
    let logger: Logger
    let cors: CORSPolicy
    let deadlines: RequestDeadlines
    let allocator = ByteBufferAllocator()
    var routes = RouteTable<HTTPRoute>()

    private var limiter: ConcurrencyLimiter<HTTPExchange>
    private var freedSlots = 0
    private var isGranting = false
    private var date = HTTPDate()
    private var errors: Int64 = 0

    init(engine: Engine, configuration: HTTPConfiguration, logger: Logger) {
        self.engine = engine
        self.logger = logger
        cors = CORSPolicy(configuration.cors)
        deadlines = RequestDeadlines(
            loop: engine.loop,
            timeout: .milliseconds(configuration.defaultTimeoutMilliseconds)
        )
        limiter = ConcurrencyLimiter(
            limit: configuration.concurrencyRequestLimit,
            maximumWaiting: HTTPLimits.waitingRequests
        )
    }

    /// Value of the `date` header.
    func currentDate() -> String {
        date.text(at: engine.nowMilliseconds)
    }

    // MARK: Slots

    func acquireSlot(_ exchange: HTTPExchange) -> ConcurrencyLimiter<HTTPExchange>.Decision {
        limiter.acquire(exchange)
    }

    func cancelWaiting(_ exchange: HTTPExchange) {
        limiter.cancel(exchange)
    }

    /// Hands freed slots on. A request that is answered at once frees its slot again: this is a loop, not a recursion.
    func releaseSlot() {
        freedSlots += 1
        guard !isGranting else { return }
        isGranting = true
        while freedSlots > 0 {
            freedSlots -= 1
            limiter.release()?.begin()
        }
        isGranting = false
    }

    var requestsInProgress: Int { limiter.inUse }

    // MARK: Errors

    /// The envelope of an engine-made error (http.md §16). 500s get an `error_id`, which is logged too.
    func failure(_ status: Int, code: String, message: String) -> HTTPResponse {
        .json(status, RawJSON(["error": ["code": .string(code), "message": .string(message)]]))
    }

    func internalFailure(_ error: InvocationError, functionID: String) -> HTTPResponse {
        let id = makeErrorID()
        var metadata: Logger.Metadata = [
            "error.id": "\(id)", "error.code": "\(error.code)", "error.message": "\(error.message)",
            "function": "\(functionID)",
        ]
        if let stacktrace = error.stacktrace { metadata["error.stacktrace"] = "\(stacktrace)" }
        logger.error("request failed", metadata: metadata)
        return .json(
            500,
            RawJSON([
                "error": [
                    "code": .string(error.code), "message": .string(error.message), "error_id": .string(id),
                ]
            ])
        )
    }

    /// The clock counts milliseconds; below them a counter keeps ids apart.
    private func makeErrorID() -> String {
        errors = (errors + 1) % 1_000_000
        let nanoseconds = engine.nowMilliseconds &* 1_000_000 &+ errors
        return String(nanoseconds & 0xFFFF_FFFF_FFFF, radix: 16)
    }

    static let conditionNotMet = HTTPResponse.json(
        422,
        RawJSON([
            "error": ["code": "CONDITION_NOT_MET", "message": "Request condition not met"], "skipped": true,
        ])
    )
}
