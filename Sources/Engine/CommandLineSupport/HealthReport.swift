/// What `iii health` prints.
public enum HealthReport {
    /// The function that `--verbose` asks.
    public static let function = "engine::health"

    public static func serving(address: String, port: UInt16) -> CommandOutput {
        .success("ok: the engine at \(address):\(port) serves\n")
    }

    public static func failing(address: String, port: UInt16, reason: String) -> CommandOutput {
        .failure("the engine at \(address):\(port) doesn't serve: \(reason)")
    }

    /// Below the first line: status, then one line per store.
    ///
    /// - Parameter health: the result of `engine::health`.
    public static func verbose(_ health: JSON, address: String, port: UInt16) -> CommandOutput {
        let up = HumanUnits.duration(milliseconds: health["uptime_ms"]?.uint64 ?? 0)
        var output = serving(address: address, port: port)
        output.standardOutput += "status: \(cell(health["status"])), version \(cell(health["version"])), up \(up)\n"
        let stores = health["stores"]?.array ?? []
        if stores.isEmpty {
            output.standardOutput += "no worker keeps data\n"
        } else {
            output.standardOutput += "\n" + TextTable.render([heads] + stores.map(row), right: numbers)
        }
        return output
    }

    /// An engine that has no such function serves all the same.
    public static func unreported(address: String, port: UInt16, reason: String) -> CommandOutput {
        var output = serving(address: address, port: port)
        output.standardError = "warning: it doesn't tell about its stores: \(reason.cell)\n"
        return output
    }

    private static let heads = [
        "workers", "mode", "position", "lag", "checkpoint", "log", "snapshot", "free", "sync", "state", "path",
    ]
    private static let numbers = Set(2...8)

    private static func row(_ store: JSON) -> [String] {
        let workers = (store["workers"]?.array ?? []).compactMap { $0.string?.cell }.joined(separator: ",")
        return [
            workers, cell(store["mode"]), cell(store["lsn"]), cell(store["lag_records"]), cell(store["checkpoint_lsn"]),
            bytes(store["log_bytes"]), bytes(store["snapshot_bytes"]), bytes(store["available_bytes"]),
            store["sync_us"]?.uint64.map { "\($0) µs" } ?? "-", state(store), cell(store["path"]),
        ]
    }

    private static func state(_ store: JSON) -> String {
        if store["low_space"] == true { return "FULL" }
        if store["short_of_resources"] == true { return "SHORT" }
        return store["saturated"] == true ? "SATURATED" : "ok"
    }

    private static func bytes(_ value: JSON?) -> String {
        value?.uint64.map(HumanUnits.bytes) ?? "-"
    }

    private static func cell(_ value: JSON?) -> String {
        guard let value, !value.isNull else { return "-" }
        return (value.string ?? value.description).cell
    }
}
