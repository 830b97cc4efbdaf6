/// Finds the name that a mistyped one is meant to be.
enum Spelling {
    /// Longest part of a name that is compared: the work grows with its square.
    private static let comparedBytes = 64

    /// The nearest of `names`, if it is near enough to be meant.
    static func closest(to name: String, among names: [String]) -> String? {
        let typed = Array(name.utf8.prefix(comparedBytes))
        let ranked = names.map { (name: $0, distance: distance(typed, Array($0.utf8.prefix(comparedBytes)))) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, typed.count / 3) && best.distance < typed.count ? best.name : nil
    }

    /// ` Did you mean …?` with its leading full stop, for the end of a message; empty without a near name.
    static func hint(_ name: String, among names: [String]) -> String {
        closest(to: name, among: names).map { ". Did you mean `\($0)`?" } ?? ""
    }

    /// Levenshtein distance.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let replaced = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}
