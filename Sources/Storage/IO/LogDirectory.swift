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
    /// How far the scrub of this very snapshot has come (`ScrubProgress`).
    static let scrubName = "SCRUB"
    var quarantine: String { root + "/quarantine" }
    /// Names the newest segment that was ever begun (`LogHead`).
    var head: String { wal + "/" + Self.headName }
    static let headName = "HEAD"
    func spare(_ number: Int) -> String { wal + "/spare-\(number).tmp" }
    /// Takes up room that a full disk must still have (§5.8).
    var reserve: String { wal + "/reserve.tmp" }

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
            let number = UInt64(name.prefix(segmentDigits)), (1...LogLimits.maximumNumber).contains(number)
        else { return nil }
        return SegmentNumber(rawValue: number)
    }

    static func isTemporary(_ name: String) -> Bool {
        name.utf8.count >= 4 && name.utf8.suffix(4).elementsEqual(".tmp".utf8)
    }

    /// A temporary file of the log directory that this engine made, or `probe.tmp` of an earlier version: no batch is ever
    /// written to one.
    static func isOwnTemporary(_ name: String) -> Bool {
        if ["reserve.tmp", "probe.tmp", headName + ".tmp"].contains(name) { return true }
        guard name.hasPrefix("spare-"), isTemporary(name) else { return false }
        let digits = name.utf8.dropFirst("spare-".utf8.count).dropLast(".tmp".utf8.count)
        return !digits.isEmpty && digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// What recovery sets aside: `<segment's name>.<anything>`. nil: the name is somebody else's.
    static func quarantinedSegment(ofName name: String) -> SegmentNumber? {
        let length = segmentDigits + segmentSuffix.utf8.count
        let bytes = name.utf8
        guard bytes.count > length + 1, bytes[bytes.index(bytes.startIndex, offsetBy: length)] == 0x2E,
            [".tail", ".unused", ".cut"].contains(where: { name.hasSuffix($0) })
        else { return nil }
        return segmentNumber(ofName: String(decoding: bytes.prefix(length), as: UTF8.self))
    }
}
