import ArgumentParser
import Storage

/// A moment in a store's history: an LSN, or a time as `2026-01-02T03:04:05.678Z`.
struct PositionArgument: ExpressibleByArgument {
    var position: LogPosition
    var text: String

    init?(argument: String) {
        text = argument
        if let lsn = LSN(argument: argument) {
            position = .lsn(lsn)
        } else if let time = Timestamp(parsing: argument) {
            position = .time(time.nanoseconds)
        } else {
            return nil
        }
    }

    /// As a phrase: `LSN 5`, or the time.
    var phrase: String {
        if case .lsn = position { "LSN \(text)" } else { text }
    }
}
