import Engine
import Workers

/// Positions as clients keep them: which store, after how many restores and cuts, and where in it.
/// `0123456789abcdef0123456789abcdef-1042`, after a restore `0123456789abcdef0123456789abcdef.7f3a09c1d2e4b586-1042`.
struct StreamPositions {
    private let prefix: String

    /// - Parameter store: names the store for as long as its positions mean anything. A restored store has another name:
    ///   it gives the same numbers to other events.
    init(store: String) {
        prefix = store + "-"
    }

    func text(of position: UInt64) -> String {
        prefix + String(position)
    }

    /// nil: not one of this store's.
    func position(_ text: String) -> UInt64? {
        guard text.utf8.count <= prefix.utf8.count + 20, text.utf8.starts(with: prefix.utf8) else { return nil }
        let digits = text.utf8.dropFirst(prefix.utf8.count)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(Substring(digits))
    }
}
