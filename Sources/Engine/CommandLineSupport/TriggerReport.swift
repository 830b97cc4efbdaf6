/// What `iii trigger` prints for each way in which a call can end (cli.md §3.3).
public enum TriggerReport {
    /// Pretty JSON; nothing at all for null and for no result.
    public static func result(_ value: JSON?) -> CommandOutput {
        guard let value, !value.isNull else { return .success("") }
        return .success(pretty(value) + "\n")
    }

    /// `Error: ` and exactly the three members that scripts read.
    public static func remoteError(code: String, message: String, stacktrace: String?) -> CommandOutput {
        let body: JSON = [
            "code": .string(code),
            "message": .string(message),
            "stacktrace": stacktrace.map { .string($0) } ?? .null,
        ]
        return .failure(pretty(body))
    }

    public static let timeout = CommandOutput.failure(
        "Timed out waiting for the engine (no response within the timeout). "
            + "Is the engine running at the given address and port?"
    )

    /// The engine answers and the function doesn't: nothing is wrong with the address.
    public static func functionTimeout(_ function: String, milliseconds: UInt64) -> CommandOutput {
        .failure(
            "function \(function) didn't answer within \(milliseconds) ms; the engine itself answers. "
                + "Check the worker that serves it, or wait longer with --timeout-ms."
        )
    }

    public static func webSocketFailure(_ reason: String) -> CommandOutput {
        .failure("WebSocket error: \(reason)")
    }

    /// Nobody listens there: told at once, not after the timeout.
    public static func unreachable(address: String, port: UInt16, reason: String) -> CommandOutput {
        .failure(
            "cannot connect to an iii engine at \(address):\(port): \(reason). "
                + "Start it with `iii`, or name another one with --address and --port."
        )
    }

    private static func pretty(_ value: JSON) -> String {
        var writer = JSONWriter(.pretty)
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
