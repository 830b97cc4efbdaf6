import Storage

/// Numbers for people.
enum Amounts {
    /// `512 bytes`, `4.0 KiB`, `1.5 GiB`.
    static func bytes(_ count: UInt64) -> String {
        guard count >= 1024 else { return "\(count) bytes" }
        var unit = 0
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        var tenths = count / 1024 * 10 + count % 1024 * 10 / 1024
        while tenths >= 10240, unit < units.count - 1 {
            tenths /= 1024
            unit += 1
        }
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `0.25 s`, `12.00 s`.
    static func duration(_ nanoseconds: UInt64) -> String {
        let hundredths = nanoseconds / 10_000_000
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
    }

    /// `1 batch`, `2 batches`.
    static func count(_ number: UInt64, _ one: String, _ many: String) -> String {
        number == 1 ? "1 \(one)" : "\(number) \(many)"
    }

    /// `5`, `5 to 7`, `from 5 on`, or `unknown`.
    static func range(_ first: UInt64?, _ last: UInt64?) -> String {
        switch (first, last) {
        case (let first?, let last?): first == last ? "\(first)" : "\(first) to \(last)"
        case (let first?, nil): "from \(first) on"
        case (nil, let last?): "up to \(last)"
        case (nil, nil): "unknown"
        }
    }

    static func cell(_ value: UInt64?) -> String {
        value.map(String.init) ?? "-"
    }

    static func cell(_ lsn: LSN?) -> String {
        cell(lsn?.rawValue)
    }
}
