import Glibc

/// `2026-01-02T03:04:05.000000006Z`, nanoseconds since 1970.
func utcText(nanoseconds: UInt64) -> String {
    let perSecond: UInt64 = 1_000_000_000
    var seconds = time_t(nanoseconds / perSecond)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ value: some BinaryInteger, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
    let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
    return "\(date)T\(time).\(padded(nanoseconds % perSecond, 9))Z"
}
