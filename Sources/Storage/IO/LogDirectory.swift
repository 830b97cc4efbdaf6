/// Names of a store's files (storage.md §5.2).
struct LogDirectory: Sendable {
    /// Absolute path of the store.
    let root: String

    var lock: String { root + "/LOCK" }
    var format: String { root + "/FORMAT" }
    var wal: String { root + "/wal" }
    var snapshot: String { root + "/snapshot" }
    var snapshotData: String { snapshot + "/data.mdb" }
    var snapshotLock: String { snapshot + "/lock.mdb" }
    var quarantine: String { root + "/quarantine" }
    func spare(_ number: Int) -> String { wal + "/spare-\(number).tmp" }
    /// Takes up room that a full disk must still have (§5.8).
    var reserve: String { wal + "/reserve.tmp" }
    /// Written once at open to see whether direct writes work here.
    var probe: String { wal + "/probe.tmp" }

    static let names: Set<String> = ["LOCK", "FORMAT", "FORMAT.tmp", "wal", "snapshot", "quarantine"]

    static let segmentDigits = 20
    static let segmentSuffix = ".wal"

    func segment(_ number: SegmentNumber) -> String {
        wal + "/" + Self.segmentName(number)
    }

    static func segmentName(_ number: SegmentNumber) -> String {
        let digits = String(number.rawValue)
        return String(repeating: "0", count: segmentDigits - digits.utf8.count) + digits + segmentSuffix
    }

    /// nil: not a segment's name.
    static func segmentNumber(ofName name: String) -> SegmentNumber? {
        let bytes = Array(name.utf8)
        guard bytes.count == segmentDigits + segmentSuffix.utf8.count,
            bytes[segmentDigits...].elementsEqual(segmentSuffix.utf8),
            bytes[..<segmentDigits].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let number = UInt64(name.prefix(segmentDigits)), number > 0
        else { return nil }
        return SegmentNumber(rawValue: number)
    }

    static func isTemporary(_ name: String) -> Bool {
        name.utf8.count >= 4 && name.utf8.suffix(4).elementsEqual(".tmp".utf8)
    }
}
