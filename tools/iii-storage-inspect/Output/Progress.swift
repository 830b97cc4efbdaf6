/// One line that overwrites itself. Pure: returns what is to be written.
struct Progress {
    /// Quick work shows nothing.
    static let firstAfterNanoseconds: UInt64 = 1_000_000_000
    static let everyNanoseconds: UInt64 = 200_000_000

    private let isEnabled: Bool
    private let nanoseconds: () -> UInt64
    private var next: UInt64
    private var shownCharacters = 0

    init(isEnabled: Bool, nanoseconds: @escaping () -> UInt64) {
        self.isEnabled = isEnabled
        self.nanoseconds = nanoseconds
        next = isEnabled ? nanoseconds() + Self.firstAfterNanoseconds : .max
    }

    /// nil: not yet.
    mutating func update(_ what: String, done: UInt64, of total: UInt64) -> String? {
        guard isEnabled else { return nil }
        let now = nanoseconds()
        guard now >= next else { return nil }
        next = now + Self.everyNanoseconds
        let percent = total == 0 ? 100 : min(done, total) * 100 / total
        let text = "\(what): \(percent) %"
        let blanks = String(repeating: " ", count: max(0, shownCharacters - text.count))
        shownCharacters = text.count
        return "\r" + text + blanks
    }

    /// nil: nothing is shown.
    mutating func clear() -> String? {
        guard shownCharacters > 0 else { return nil }
        defer { shownCharacters = 0 }
        return "\r" + String(repeating: " ", count: shownCharacters) + "\r"
    }
}
