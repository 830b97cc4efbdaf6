import Glibc

/// What stands where, judged with a second look if an engine may be writing.
extension SegmentWalk {
    /// What stands where a batch is expected.
    enum Place {
        /// No batch, and why.
        case nothing(String)
        /// A batch of a newer layout.
        case newer(String)
        /// A sound header; what it has against its place; its raw payload, valid until the next read, or why there is
        /// none.
        case batch(FoundBatch, mismatch: BatchVerdict?, Result<UnsafeRawBufferPointer, BatchFlaw>)

        var isSound: Bool {
            if case .batch(_, nil, .success) = self { true } else { false }
        }
    }

    static func open(_ io: IO, _ path: String, _ isInUse: () -> Bool) throws(WalkStop) -> SegmentWindow<IO> {
        do {
            return try SegmentWindow(io: io, path: path)
        } catch {
            if error.systemCall?.number == ENOENT, isInUse() { throw .retired }
            throw .unreadable(error)
        }
    }

    /// A running engine writes while we read: only what is still wrong at a second look is wrong.
    mutating func confirmedPlace(_ state: WalkState) throws(WalkStop) -> Place {
        do throws(WalkStop) {
            let first = try place(state)
            guard !first.isSound, isInUse() else { return first }
        } catch {
            guard isInUse() else { throw error }
        }
        try lookAgain()
        return try place(state)
    }

    private mutating func lookAgain() throws(WalkStop) {
        window = try Self.open(io, path, isInUse)
        facts.bytes = window.size
        guard let header else { return }
        guard case .valid(let now) = SegmentHeader.read(try bytes(at: 0, LogLimits.blockBytes)), now == header else {
            throw .retired
        }
    }

    private mutating func place(_ state: WalkState) throws(WalkStop) -> Place {
        switch try edge(at: offset) {
        case .nothing(let reason): return .nothing(reason)
        case .newer(let what): return .newer(what)
        case .batch(let found):
            let isOpened = codec != nil
            let payload = try payload(of: found).flatMap { isOpened ? Self.checked($0, found.header) : .success($0) }
            return .batch(found, mismatch: state.mismatch(found), payload)
        }
    }

    /// What stands on one block edge.
    enum Edge {
        case nothing(String)
        case newer(String)
        case batch(FoundBatch)
    }

    mutating func edge(at offset: UInt64) throws(WalkStop) -> Edge {
        let block = try bytes(at: offset, LogLimits.blockBytes)
        switch BatchHeader.read(block, at: .init(segment: number, offset: offset)) {
        case .invalid(let reason): return .nothing(block.isEmpty ? "the file ends" : reason)
        case .needsVersion(let what): return .newer(what)
        case .valid(let header, let crc):
            guard epoch == nil || header.epoch == epoch else {
                return .nothing("left over from an earlier use of the file")
            }
            return .batch(FoundBatch(header: header, crc: crc, offset: offset))
        }
    }

    /// The raw payload of a batch, valid until the next read: the one place that knows how payloads are stored. Empty if
    /// there is no key to open it with.
    mutating func payload(of found: FoundBatch) throws(WalkStop) -> Result<UnsafeRawBufferPointer, BatchFlaw> {
        let header = found.header
        guard header.paddedBytes <= LogLimits.maximumBatchBytes else {
            return .failure(.malformed("a batch of \(header.storedBytes) bytes"))
        }
        let whole = try bytes(at: found.offset, header.paddedBytes)
        guard whole.count == header.paddedBytes else { return .failure(.damaged("the file ends inside a batch")) }
        let stored = whole.part(BatchHeader.encodedBytes, Int(header.storedBytes))
        guard crc32c(stored) == header.payloadCRC else {
            return .failure(.damaged("payload checksum does not match"))
        }
        do {
            guard let codec else {
                try BatchCodec.requireKnown(header)
                return .success(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            return .success(try codec.decode(stored, header))
        } catch {
            switch error {
            case .senseless(let what): return .failure(.malformed(what))
            case .needsVersion(let what): return .failure(.needsVersion(what))
            }
        }
    }

    /// The payload if its records make sense.
    private static func checked(_ payload: UnsafeRawBufferPointer, _ header: BatchHeader)
        -> Result<UnsafeRawBufferPointer, BatchFlaw>
    {
        var reader = RecordReader(payload)
        var count: UInt64 = 0
        do {
            while try reader.next() != nil { count += 1 }
        } catch {
            switch error {
            case .malformed(let what): return .failure(.malformed(what))
            case .needsVersion(let what): return .failure(.needsVersion(what))
            }
        }
        guard count == header.recordCount else {
            return .failure(.malformed("\(count) records instead of \(header.recordCount)"))
        }
        return .success(payload)
    }

    /// Keys that can still be read in a payload whose checksum is wrong.
    mutating func keys(of found: FoundBatch) throws(WalkStop) -> [KeyMention] {
        // Of sealed records nothing can be read.
        guard header?.isEncrypted != true else { return [] }
        guard found.header.compression == 0, found.header.paddedBytes <= LogLimits.maximumBatchBytes else { return [] }
        let whole = try bytes(at: found.offset, found.header.paddedBytes)
        guard whole.count > BatchHeader.encodedBytes else { return [] }
        let stored = min(Int(found.header.storedBytes), whole.count - BatchHeader.encodedBytes)
        var reader = RecordReader(whole.part(BatchHeader.encodedBytes, stored))
        var keys: [KeyMention] = []
        while keys.count < InspectionLimits.mentionedKeys, let record = try? reader.next() {
            if let mention = KeyMention(record), !keys.contains(mention) { keys.append(mention) }
        }
        return keys
    }

    mutating func bytes(at offset: UInt64, _ count: Int) throws(WalkStop) -> UnsafeRawBufferPointer {
        do {
            return try window.bytes(at: offset, count)
        } catch {
            throw .unreadable(error)
        }
    }
}

extension KeyMention {
    init?(_ record: Record) {
        switch record {
        case .put(let table, let key, _), .delete(let table, let key): self.init(table: table, key: Bytes(key))
        case .trim(let table, let from, let upTo): self.init(table: table, key: Bytes(from), upTo: Bytes(upTo))
        case .ignored: return nil
        }
    }
}

extension WalkState {
    /// What a batch has against its place. Behind a gap any later batch is welcome.
    func mismatch(_ found: FoundBatch) -> BatchVerdict? {
        guard let expected else { return nil }
        if openGap != nil, found.header.number > expected.number { return nil }
        return expected.mismatch(found)
    }
}

extension BatchFlaw {
    func refusal(at spot: StorageError.Spot) -> StorageError {
        switch self {
        case .damaged(let reason):
            .acknowledgedDataDamaged(at: spot, because: reason, proof: "batches before and after it are there")
        case .malformed(let what): .unreadableThoughSound(at: spot, what)
        case .needsVersion(let what): .newerWriter(at: spot, what)
        }
    }

    var cause: LogGap.Cause {
        if case .damaged = self { .damagedBytes } else { .notUnderstood }
    }

    var reason: String {
        switch self {
        case .damaged(let reason), .malformed(let reason), .needsVersion(let reason): reason
        }
    }
}
