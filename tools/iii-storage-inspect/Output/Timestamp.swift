import Glibc

/// Nanoseconds since 1970, UTC, and their ISO 8601 forms. Years 1970 to 2553.
struct Timestamp: Equatable {
    var nanoseconds: UInt64

    private static let perSecond: UInt64 = 1_000_000_000

    init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// `2026-01-02T03:04:05.000000006Z`, all that is known: for JSON.
    var precise: String { dateAndTime + "." + Self.padded(nanoseconds % Self.perSecond, 9) + "Z" }

    /// `2026-01-02T03:04:05.000006Z`: for tables.
    var short: String { dateAndTime + "." + Self.padded(nanoseconds % Self.perSecond / 1000, 6) + "Z" }

    private var dateAndTime: String {
        var seconds = time_t(nanoseconds / Self.perSecond)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = Self.padded(UInt64(parts.tm_year + 1900), 4)
        for (separator, value) in [
            ("-", parts.tm_mon + 1), ("-", parts.tm_mday), ("T", parts.tm_hour), (":", parts.tm_min),
            (":", parts.tm_sec),
        ] {
            text += separator + Self.padded(UInt64(value), 2)
        }
        return text
    }

    private static func padded(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

extension Timestamp {
    /// `2026-01-02`, `2026-01-02T03:04`, `2026-01-02T03:04:05.678`; behind a time `Z`, `+02:00` or nothing (UTC).
    init?(parsing text: String) {
        var scanner = DigitScanner(text.utf8[...])
        guard let date = scanner.date(), let time = scanner.isAtEnd ? ClockTime() : scanner.time(), scanner.isAtEnd,
            let seconds = Self.seconds(date, time), seconds >= time.zone
        else { return nil }
        nanoseconds = UInt64(seconds - time.zone) * Self.perSecond + time.fraction
    }

    /// nil: no such day or time.
    private static func seconds(_ date: CalendarDate, _ time: ClockTime) -> Int? {
        guard (1970...2553).contains(date.year), (1...12).contains(date.month), time.hour < 24, time.minute < 60,
            time.second < 60
        else { return nil }
        var parts = tm()
        parts.tm_year = Int32(date.year - 1900)
        parts.tm_mon = Int32(date.month - 1)
        parts.tm_mday = Int32(date.day)
        parts.tm_hour = Int32(time.hour)
        parts.tm_min = Int32(time.minute)
        parts.tm_sec = Int32(time.second)
        let seconds = timegm(&parts)
        // timegm normalises the 31st of a shorter month to the next one.
        return parts.tm_mday == Int32(date.day) ? seconds : nil
    }
}

private struct CalendarDate {
    var year: Int
    var month: Int
    var day: Int
}

private struct ClockTime {
    var hour = 0
    var minute = 0
    var second = 0
    /// Nanoseconds.
    var fraction: UInt64 = 0
    /// Seconds east of UTC.
    var zone = 0
}

/// Takes digits from the front of a text.
private struct DigitScanner {
    private static let maximumZoneSeconds = 14 * 3600

    private var rest: Substring.UTF8View

    init(_ text: Substring.UTF8View) {
        rest = text
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func date() -> CalendarDate? {
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2) else { return nil }
        return CalendarDate(year: year, month: month, day: day)
    }

    mutating func time() -> ClockTime? {
        guard skip("T") || skip(" "), let hour = number(2), skip(":"), let minute = number(2) else { return nil }
        var time = ClockTime(hour: hour, minute: minute)
        if skip(":") {
            guard let second = number(2) else { return nil }
            time.second = second
            if skip(".") {
                guard let fraction = fraction() else { return nil }
                time.fraction = fraction
            }
        }
        guard let zone = zone() else { return nil }
        time.zone = zone
        return time
    }

    /// Exactly so many digits.
    mutating func number(_ digits: Int) -> Int? {
        let taken = rest.prefix(digits)
        guard taken.count == digits, taken.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        rest = rest.dropFirst(digits)
        return taken.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// One to nine digits behind the point, as nanoseconds.
    mutating func fraction() -> UInt64? {
        let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard (1...9).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        let value = digits.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 0x30) }
        return (digits.count..<9).reduce(value) { value, _ in value * 10 }
    }

    /// Seconds east of UTC.
    mutating func zone() -> Int? {
        if isAtEnd || skip("Z") { return 0 }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = number(2), skip(":"), let minutes = number(2) else { return nil }
        let seconds = hours * 3600 + minutes * 60
        // No place is farther from UTC.
        guard minutes < 60, seconds <= Self.maximumZoneSeconds else { return nil }
        return isWest ? -seconds : seconds
    }
}
