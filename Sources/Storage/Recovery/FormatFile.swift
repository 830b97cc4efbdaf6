/// The FORMAT file: `iii-storage 1\n` and the store id as 32 hexadecimal digits (storage.md §5.2).
struct FormatFile<IO: StorageIO> {
    private static var prefix: String { "iii-storage " }
    private static var limit: Int { 256 }

    let io: IO
    let directory: LogDirectory

    func write(_ store: StoreID) throws(SystemCallError) {
        let text = "\(Self.prefix)\(SegmentHeader.major)\n\(store.text)\n"
        try io.replaceFile(directory.format, in: directory.root, with: Array(text.utf8))
    }

    /// nil: there is none.
    func read() throws(StorageError) -> StoreID? {
        let bytes: [UInt8]
        do {
            guard try io.exists(directory.format) else { return nil }
            bytes = try io.readFile(directory.format, limit: Self.limit)
        } catch {
            throw .deviceFailed(error)
        }
        let spot = StorageError.Spot(path: directory.format, segment: .none, offset: 0)
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
        let prefix = Array(Self.prefix.utf8)
        guard lines.count == 3, lines[0].starts(with: prefix), lines[2].isEmpty else {
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
        return store
    }
}
