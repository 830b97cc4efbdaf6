/// Numbers for people, without Foundation.
enum HumanUnits {
    private static let byteUnits = ["KiB", "MiB", "GiB", "TiB", "PiB"]

    /// `512 B`, `4.0 KiB`, `1.5 GiB`.
    static func bytes(_ count: UInt64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var unit = 0
        var tenths = count / 1024 * 10 + count % 1024 * 10 / 1024
        while tenths >= 10240, unit < byteUnits.count - 1 {
            tenths /= 1024
            unit += 1
        }
        return "\(tenths / 10).\(tenths % 10) \(byteUnits[unit])"
    }

    /// `12 s`, `3 min 5 s`, `7 h 2 min`, `41 d 3 h`.
    static func duration(milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1000
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400)
        if days > 0 { return "\(days) d \(hours % 24) h" }
        if hours > 0 { return "\(hours) h \(minutes % 60) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }
}
