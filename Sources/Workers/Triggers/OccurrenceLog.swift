/// Counts what may happen a million times a second, and says which occurrences are worth a line in the log: the first
/// ten, then every thousandth.
struct OccurrenceLog {
    private(set) var count: UInt64 = 0

    /// Whether to log this one.
    mutating func notesNext() -> Bool {
        count += 1
        return count <= 10 || count.isMultiple(of: 1000)
    }
}
