/// What the FORMAT file says of a store.
struct StoreFormat: Equatable, Sendable {
    var store: StoreID
    /// Random, drawn anew by every restore, cut and salvage: a position of an earlier life of the store then means
    /// nothing any more, although it has the same number. 0: none of these ever happened.
    var incarnation: UInt64 = 0

    /// Never 0.
    static func newIncarnation(_ random: () -> UInt64) -> UInt64 {
        max(1, random())
    }
}

/// The FORMAT file (storage.md §5.2): `iii-storage 1`, the store id as 32 hexadecimal digits, and after a restore, a cut
/// or a salvage `incarnation` with 16 hexadecimal digits; a line each.
struct FormatFile<IO: StorageIO> {
    private static var prefix: String { "iii-storage " }
    private static var incarnationPrefix: String { "incarnation " }
    private static var limit: Int { 256 }

    let io: IO
    let directory: LogDirectory

    /// Atomic and durable.
    func write(_ format: StoreFormat) throws(SystemCallError) {
        var text = "\(Self.prefix)\(SegmentHeader.major)\n\(format.store.text)\n"
        if format.incarnation != 0 { text += "\(Self.incarnationPrefix)\(hexadecimal(format.incarnation))\n" }
        try io.replaceFile(directory.format, in: directory.root, with: Array(text.utf8))
    }

    /// nil: there is none.
    func read() throws(StorageError) -> StoreFormat? {
        let bytes: [UInt8]
        do {
            guard try io.exists(directory.format) else { return nil }
            bytes = try io.readFile(directory.format, limit: Self.limit)
        } catch {
            throw .deviceFailed(error)
        }
        return try parse(bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) })
    }

    private func parse(_ lines: [[UInt8]]) throws(StorageError) -> StoreFormat {
        let spot = StorageError.Spot(path: directory.format, segment: .none, offset: 0)
        let prefix = Array(Self.prefix.utf8)
        guard lines.count >= 3, lines[0].starts(with: prefix), lines[lines.count - 1].isEmpty else {
            throw .foreign(at: spot, "FORMAT is not that of a store")
        }
        guard lines[0] == prefix + Array("\(SegmentHeader.major)".utf8) else {
            throw .newerWriter(
                at: spot,
                "store format \(String(decoding: lines[0].dropFirst(prefix.count), as: UTF8.self))"
            )
        }
        guard let store = StoreID(text: String(decoding: lines[1], as: UTF8.self)) else {
            throw .foreign(at: spot, "FORMAT names no store id")
        }
        var format = StoreFormat(store: store)
        for line in lines[2..<(lines.count - 1)] {
            guard format.incarnation == 0, let incarnation = Self.incarnation(line) else {
                throw .newerWriter(at: spot, "FORMAT's line \"\(String(decoding: line.prefix(40), as: UTF8.self))\"")
            }
            format.incarnation = incarnation
        }
        return format
    }

    private static func incarnation(_ line: [UInt8]) -> UInt64? {
        guard line.starts(with: Array(incarnationPrefix.utf8)) else { return nil }
        let digits = line.dropFirst(incarnationPrefix.utf8.count)
        guard digits.count == 16, let number = UInt64(String(decoding: digits, as: UTF8.self), radix: 16), number > 0
        else { return nil }
        return number
    }
}
