/// Compares the files of two directories, byte by byte, but for what only a running process needs.
struct TreeComparison {
    /// Locks hold nothing, temporary files either, and a copy leaves out how far its original was scrubbed.
    private static let ignored = ["LOCK", "lock.mdb", "SCRUB"]

    private let left: String
    private let right: String

    init(_ left: String, _ right: String) {
        self.left = left
        self.right = right
    }

    /// nil: the same. Two that are both missing are the same too.
    func first() throws(DrillError) -> String? {
        switch (DrillFiles.kind(of: left), DrillFiles.kind(of: right)) {
        case (nil, nil): return nil
        case (.directory, .directory): return try firstInDirectories()
        case (.file, .file):
            let offset = try FileContent(readingFile: left).firstDifference(fromFile: right)
            return offset.map { "\(left) differs at offset \($0)" }
        case (nil, _): return "\(left) is missing"
        default: return "\(left) should not be there"
        }
    }

    private func firstInDirectories() throws(DrillError) -> String? {
        let names = Set(try names(left)).union(try names(right))
        for name in names.sorted() {
            if let found = try TreeComparison(left + "/" + name, right + "/" + name).first() { return found }
        }
        return nil
    }

    private func names(_ path: String) throws(DrillError) -> [String] {
        try DrillFiles.list(path).filter { !Self.ignored.contains($0) && !$0.hasSuffix(".tmp") }
    }

    /// Makes `right` a copy of `left`; it must not exist.
    func copy() throws(DrillError) {
        guard DrillFiles.kind(of: left) == .directory else { return try FileContent(readingFile: left).save(right) }
        try DrillFiles.createDirectory(right)
        for name in try DrillFiles.list(left) {
            try TreeComparison(left + "/" + name, right + "/" + name).copy()
        }
    }
}
