#if canImport(Glibc)
    import Glibc
#endif

/// A moment and the local offset that holds at it.
public struct LogTime: Equatable, Sendable {
    /// Unix time in microseconds.
    public let microseconds: Int64
    /// Local time minus UTC, seconds.
    public let utcOffset: Int

    public init(microseconds: Int64, utcOffset: Int) {
        self.microseconds = microseconds
        self.utcOffset = utcOffset
    }

    /// The wall clock in the process's time zone.
    public static func now() -> LogTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var seconds = time.tv_sec
        var local = tm()
        localtime_r(&seconds, &local)
        return LogTime(
            microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000,
            utcOffset: local.tm_gmtoff
        )
    }

    /// `2026-01-31T09:19:23.241057Z`
    var utc: String {
        let seconds = microseconds.floored(by: 1_000_000)
        let text = Self.dateAndTime(seconds)
        return "\(text.date)T\(text.time).\(Self.digits(microseconds - seconds * 1_000_000, 6))Z"
    }

    /// `2026-01-31 10:19:23.241 +01:00`
    var local: String {
        let seconds = microseconds.floored(by: 1_000_000)
        let text = Self.dateAndTime(seconds + Int64(utcOffset))
        return "\(text.date) \(text.time).\(Self.digits((microseconds - seconds * 1_000_000) / 1000, 3)) \(zone)"
    }

    /// `+01:00`
    private var zone: String {
        let minutes = Int64(abs(utcOffset) / 60)
        return "\(utcOffset < 0 ? "-" : "+")\(Self.digits(minutes / 60, 2)):\(Self.digits(minutes % 60, 2))"
    }

    private static func dateAndTime(_ seconds: Int64) -> (date: String, time: String) {
        let day = seconds.floored(by: 86_400)
        let (year, month, date) = civil(day)
        let second = seconds - day * 86_400
        return (
            "\(digits(year, 4))-\(digits(month, 2))-\(digits(date, 2))",
            "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))"
        )
    }

    /// Days since 1970 to the proleptic Gregorian calendar, over 400-year eras that begin on 1 March.
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, date: Int64) {
        let shifted = day + 719_468
        let era = shifted.floored(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let date = dayOfYear - (153 * month + 2) / 5 + 1
        return (year + era * 400 + (month < 10 ? 0 : 1), month < 10 ? month + 3 : month - 9, date)
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
}

extension Int64 {
    fileprivate func floored(by divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }
}
