/// The error of an invocation as it travels in `invocationresult.error` (protocol.md §4.10, §9.6).
///
/// Clients branch on `code`: spelling and case are part of the contract.
public struct InvocationError: Error, Sendable {
    public let code: String
    public let message: String
    public let stacktrace: String?
    /// A worker's own error body, passed on untouched.
    let body: RawJSON?

    public init(code: String, message: String, stacktrace: String? = nil) {
        self.code = code
        self.message = message
        self.stacktrace = stacktrace
        self.body = nil
    }

    /// An error body received from a worker. What isn't an object with the two strings is completed, because Go and
    /// Rust SDKs decode both strictly.
    init(body: RawJSON) {
        let object = (try? body.parse())?.object
        let code = object?["code"]?.string
        let message = object?["message"]?.string
        self.code = code ?? "invocation_failed"
        self.message = message ?? body.description
        let stacktrace = object?["stacktrace"]
        self.stacktrace = stacktrace?.string
        let isWellFormed = code != nil && message != nil && (stacktrace?.string != nil || stacktrace?.isNull != false)
        self.body = isWellFormed ? body : nil
    }

    /// The wire form: `{"code","message","stacktrace"?}`.
    public var json: JSON {
        var object: JSONObject = ["code": .string(code), "message": .string(message)]
        if let stacktrace { object["stacktrace"] = .string(stacktrace) }
        return .object(object)
    }
}

extension InvocationError {
    public static func functionNotFound(_ id: String) -> InvocationError {
        InvocationError(code: "function_not_found", message: "Function \(id) not found")
    }

    static let stopped = InvocationError(code: "invocation_stopped", message: "Invocation stopped")

    public static func deserialization(_ functionID: String, _ detail: String) -> InvocationError {
        InvocationError(
            code: "deserialization_error",
            message: "Failed to deserialize input for \(functionID): \(detail)"
        )
    }

    public static func triggerRegistrationFailed(_ message: String) -> InvocationError {
        InvocationError(code: "trigger_registration_failed", message: message)
    }
}

extension InvocationError: CustomStringConvertible {
    public var description: String { "\(code): \(message)" }
}

/// How an invocation ended. A missing result and JSON null are different things for in-process functions
/// (`state::get`); from a worker both arrive as `nil`.
public enum InvocationOutcome: Sendable {
    case success(RawJSON?)
    case failure(InvocationError)
}
