/// `wal/HEAD`: the newest segment that was ever begun. Without it the loss of the newest segment's file would look like a log
/// that ends one segment earlier (R11).
///
/// Two slots of a block each, written in turns: a torn write leaves the other one.
struct LogHead: Equatable, Sendable {
    static let magic: [UInt8] = [0x89, 0x49, 0x49, 0x49, 0x48, 0x0D, 0x0A, 0x1A]  // "III H"
    static let major: UInt16 = 1
    static let slotBytes = LogLimits.blockBytes
    static let slots = 2
    static let fileBytes = slots * slotBytes
    static let crcOffset = slotBytes - 4

    var store: StoreID
    var segment: SegmentNumber
    /// That segment's: another file of the same number is another segment.
    var epoch: UInt64

    static let otherFile = "HEAD names another file of this number"

    /// Harmless alone; together with a lost segment it would hide the loss.
    static func damaged(_ path: String) -> String {
        "\(path) is damaged, so nothing says whether the newest segment is here: somebody or the device overwrote it. The next segment writes it anew"
    }

    /// Where it stands in the file.
    var offset: UInt64 { segment.rawValue % UInt64(Self.slots) * UInt64(Self.slotBytes) }

    func encode(into slot: UnsafeMutableRawBufferPointer) {
        precondition(slot.count == Self.slotBytes)
        guard let bytes = slot.baseAddress else { return }
        slot.initializeMemory(as: UInt8.self, repeating: 0)
        slot.copyBytes(from: Self.magic)
        bytes.storeLittle(Self.major, at: 8)
        bytes.storeLittle(store.low, at: 16)
        bytes.storeLittle(store.high, at: 24)
        bytes.storeLittle(segment.rawValue, at: 32)
        bytes.storeLittle(epoch, at: 40)
        bytes.storeLittle(crc32c(UnsafeRawBufferPointer(slot).part(0, Self.crcOffset)), at: Self.crcOffset)
    }

    enum Reading: Equatable {
        case valid(LogHead)
        /// Nothing, or torn.
        case invalid
        case needsVersion(String)
    }

    static func read(_ slot: UnsafeRawBufferPointer) -> Reading {
        guard slot.count == slotBytes, slot.prefix(magic.count).elementsEqual(magic),
            slot.loadLittle(UInt32.self, at: crcOffset) == crc32c(slot.part(0, crcOffset))
        else { return .invalid }
        let major = slot.loadLittle(UInt16.self, at: 8)
        guard major == Self.major else { return .needsVersion("HEAD format \(major)") }
        guard slot.loadLittle(UInt64.self, at: 32) <= LogLimits.maximumNumber else { return .invalid }
        return .valid(
            LogHead(
                store: StoreID(high: slot.loadLittle(UInt64.self, at: 24), low: slot.loadLittle(UInt64.self, at: 16)),
                segment: SegmentNumber(rawValue: slot.loadLittle(UInt64.self, at: 32)),
                epoch: slot.loadLittle(UInt64.self, at: 40)
            )
        )
    }
}

/// The file of the newest segment's name.
struct LogHeadFile<IO: StorageIO>: Sendable {
    let io: IO
    let directory: LogDirectory
    /// Held open: a rotation needs no descriptor for it.
    private var file: IO.File?

    init(io: IO, directory: LogDirectory) {
        self.io = io
        self.directory = directory
    }

    struct Content {
        /// What the newer of the sound slots says; nil: there is no file, or neither slot is sound.
        var head: LogHead?
        /// There is a file, and neither slot is sound: no crash leaves that.
        var isDamaged = false
    }

    func read() throws(StorageError) -> LogHead? { try content().head }

    func content() throws(StorageError) -> Content {
        let bytes: [UInt8]
        do {
            guard try io.exists(directory.head) else { return Content() }
            bytes = try io.readFile(directory.head, limit: LogHead.fileBytes)
        } catch {
            throw .deviceFailed(error)
        }
        var newest: LogHead?
        for start in stride(from: 0, through: bytes.count - LogHead.slotBytes, by: LogHead.slotBytes) {
            switch bytes.withUnsafeBytes({ LogHead.read($0.part(start, LogHead.slotBytes)) }) {
            case .valid(let head): if head.segment > newest?.segment ?? .none { newest = head }
            case .invalid: break
            case .needsVersion(let what):
                let spot = StorageError.Spot(path: directory.head, segment: .none, offset: UInt64(start))
                throw .newerWriter(at: spot, what)
            }
        }
        return Content(head: newest, isDamaged: newest == nil)
    }

    /// Durable when it returns. `isNew`: whatever stands there counts no more.
    mutating func write(_ head: LogHead, isNew: Bool) throws(SystemCallError) {
        if file == nil, !isNew { file = try openWhole() }
        guard let file else { return try create(head) }
        let slot = AlignedBytes(count: LogHead.slotBytes)
        head.encode(into: slot.mutable)
        try io.writeAll(file, slot.readOnly, at: head.offset)
        extendLifetime(slot)
        try io.fdatasync(file)
    }

    /// nil: not there, or not whole.
    private func openWhole() throws(SystemCallError) -> IO.File? {
        guard try io.exists(directory.head) else { return nil }
        let file = try io.open(directory.head, .update)
        do {
            if try io.size(file) == UInt64(LogHead.fileBytes) { return file }
        } catch {
            io.close(file)
            throw error
        }
        io.close(file)
        return nil
    }

    private mutating func create(_ head: LogHead) throws(SystemCallError) {
        let slot = AlignedBytes(count: LogHead.slotBytes)
        head.encode(into: slot.mutable)
        var bytes = [UInt8](repeating: 0, count: LogHead.fileBytes)
        bytes.replaceSubrange(Int(head.offset)..<Int(head.offset) + LogHead.slotBytes, with: slot.readOnly)
        extendLifetime(slot)
        do {
            try io.replaceFile(directory.head, in: directory.wal, with: bytes)
        } catch {
            // On a full disk half a file would only take the room of others.
            try? io.unlink(directory.head + ".tmp")
            throw error
        }
        file = try io.open(directory.head, .update)
    }

    mutating func close() {
        if let file { io.close(file) }
        file = nil
    }
}
