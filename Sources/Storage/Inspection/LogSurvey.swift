import Glibc

/// Where a log may begin.
enum LogStart: Sendable, Equatable {
    /// With segment 1: there is no snapshot.
    case beginning
    /// With whatever segment stands first: a snapshot holds what was before.
    case anywhere
}

/// The segments of a log and what their headers say.
struct LogSurvey {
    struct Segment {
        var facts: SegmentFacts
        /// Only of segments that belong to the log.
        var header: SegmentHeader?

        var number: SegmentNumber { SegmentNumber(rawValue: facts.number) }
    }

    var segments: [Segment] = []
    /// In the order in which recovery would meet them.
    var problems: [StorageError] = []
    /// What is strange and no reason to refuse.
    var warnings: [String] = []
    /// A creation that a crash cut short.
    var isNew = false

    /// Segments whose batches are the log; an unused one at the end is not.
    var setAside: Bool {
        guard case .unused = segments.last?.facts.standing else { return false }
        return true
    }
}

/// Recovery's steps 2 and 4 without refusing: FORMAT, the list of segments, their headers (R1, R2, R11 to R14, R16).
struct LogSurveyor<IO: StorageIO> {
    let io: IO
    let directory: LogDirectory
    let start: LogStart
    let keys: EncryptionKeys

    func survey() throws(StorageError) -> LogSurvey {
        var survey = LogSurvey()
        // Before the list: a running engine may begin a segment at any time.
        let head = try readHead(&survey)
        let numbers = try listSegments()
        let store = try readFormat(numbers, head, &survey)
        noteMissing(numbers, head, store, &survey)
        var known = store
        for number in numbers {
            let role = Role(isLast: number == numbers.last, head: head.flatMap { $0.store == store ? $0 : nil })
            let segment = try read(number, role, store: &known, &survey)
            survey.segments.append(segment)
        }
        try judgeTrust(&survey)
        return survey
    }

    /// What is known of a segment before it is read.
    private struct Role {
        var isLast: Bool
        /// Of this store.
        var head: LogHead?

        /// Its header may never have been written (R12).
        func mayBeUnused(_ number: SegmentNumber) -> Bool {
            isLast && number != .first && head?.segment ?? .none < number
        }
    }

    private func readHead(_ survey: inout LogSurvey) throws(StorageError) -> LogHead? {
        do {
            let found = try LogHeadFile(io: io, directory: directory).content()
            if found.isDamaged { survey.warnings.append(LogHead.damaged(directory.head)) }
            return found.head
        } catch {
            try error.throwIfForbidden(root: directory.root)
            survey.problems.append(error)
            return nil
        }
    }

    private func listSegments() throws(StorageError) -> [SegmentNumber] {
        do {
            return try io.list(directory.wal).compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
        } catch {
            if error.number == ENOENT { return [] }
            throw .inspectionFailed(error, root: directory.root)
        }
    }

    private func readFormat(_ numbers: [SegmentNumber], _ head: LogHead?, _ survey: inout LogSurvey)
        throws(StorageError) -> StoreID?
    {
        do {
            if let store = try FormatFile(io: io, directory: directory).read()?.store {
                if numbers.isEmpty {
                    survey.problems.append(
                        .filesRemoved(directory.root, "the store has a FORMAT file but no log segments")
                    )
                }
                return store
            }
        } catch {
            try error.throwIfForbidden(root: directory.root)
            survey.problems.append(error)
            return nil
        }
        survey.isNew = numbers == [.first] ? try isUntouchedFirstSegment() : numbers.isEmpty
        if !survey.isNew {
            survey.problems.append(.filesRemoved(directory.root, "there are log segments but no FORMAT file"))
        } else if let error = try contentWithoutFormat(numbers, head) {
            survey.isNew = false
            survey.problems.append(error)
        }
        return nil
    }

    private func contentWithoutFormat(_ numbers: [SegmentNumber], _ head: LogHead?) throws(StorageError)
        -> StorageError?
    {
        var bytes: UInt64 = 0
        do {
            if try io.exists(directory.snapshotData) { bytes = try FileCopy(io: io).bytes(directory.snapshotData) }
        } catch {
            throw .inspectionFailed(error, root: directory.root)
        }
        if bytes > UInt64(LogLimits.emptySnapshotBytes) { return .snapshotWithoutFormat(directory, bytes: bytes) }
        guard let head, numbers != [.first] || head.segment != .first else { return nil }
        return .headWithoutFormat(directory, head)
    }

    private func noteMissing(
        _ numbers: [SegmentNumber],
        _ head: LogHead?,
        _ store: StoreID?,
        _ survey: inout LogSurvey
    ) {
        var expected = start == .beginning ? .first : numbers.first ?? .first
        for number in numbers {
            if number != expected {
                survey.problems.append(
                    .segmentMissing(expected, path: directory.segment(expected), "segment \(number) follows")
                )
            }
            expected = number.next
        }
        guard let head, let newest = numbers.last, head.store == store, head.segment > newest else { return }
        survey.problems.append(.newestSegmentMissing(head, newest: newest, directory))
    }

    private func read(_ number: SegmentNumber, _ role: Role, store: inout StoreID?, _ survey: inout LogSurvey)
        throws(StorageError) -> LogSurvey.Segment
    {
        let path = directory.segment(number)
        let spot = StorageError.Spot(path: path, segment: number, offset: 0)
        var facts = SegmentFacts(number: number.rawValue, path: path, bytes: 0, standing: .log)
        do throws(StorageError) {
            var window = try SegmentWindow(io: io, path: path)
            facts.bytes = window.size
            let reading = SegmentHeader.read(try window.bytes(at: 0, LogLimits.blockBytes))
            var header = try judge(reading, spot, role, store: store, &facts, &survey, &window)
            if let found = header, let forgery = try forgery(found, spot.path, &window) {
                facts.standing = .foreign(forgery.firstSentence)
                survey.problems.append(forgery)
                header = nil
            }
            store = store ?? header?.store
            return LogSurvey.Segment(facts: facts, header: header)
        } catch {
            try error.throwIfForbidden(root: directory.root)
            facts.standing = .unreadable(error.systemCall?.reason ?? error.message)
            survey.problems.append(error)
            return LogSurvey.Segment(facts: facts, header: nil)
        }
    }

    /// What a header makes of its segment. Returns it if its batches are to be read by it.
    private func judge(
        _ reading: SegmentHeaderReading,
        _ spot: StorageError.Spot,
        _ role: Role,
        store: StoreID?,
        _ facts: inout SegmentFacts,
        _ survey: inout LogSurvey,
        _ window: inout SegmentWindow<IO>
    ) throws(StorageError) -> SegmentHeader? {
        switch reading {
        case .valid(let header):
            facts.header = SegmentFacts.Header(header)
            guard let reason = strangeness(of: header, at: spot.segment, role, store: store) else { return header }
            facts.standing = .foreign(reason)
            survey.problems.append(.foreign(at: spot, reason))
        case .needsVersion(let what):
            facts.standing = .needsVersion(what)
            survey.problems.append(.newerWriter(at: spot, what))
        case .invalid(let reason):
            var isInUse = true
            if role.mayBeUnused(spot.segment) {
                let header = try window.bytes(at: 0, LogLimits.blockBytes)
                if SegmentHeader.isBlank(header) { isInUse = try window.holdsBatch(of: spot.segment) }
            }
            guard isInUse else {
                facts.standing = .unused(reason)
                return nil
            }
            facts.standing = .damagedHeader(reason)
            survey.problems.append(.headerDamaged(at: spot, reason))
        }
        return nil
    }

    private func strangeness(of header: SegmentHeader, at number: SegmentNumber, _ role: Role, store: StoreID?)
        -> String?
    {
        guard header.number == number else { return "it says that it is segment \(header.number)" }
        guard store == nil || header.store == store else { return "it is part of another store" }
        guard role.head?.segment != number || role.head?.epoch == header.epoch else { return LogHead.otherFile }
        return nil
    }

    private func forgery(_ header: SegmentHeader, _ path: String, _ window: inout SegmentWindow<IO>)
        throws(StorageError) -> StorageError?
    {
        let block = try window.bytes(at: 0, LogLimits.blockBytes)
        do throws(StorageError) {
            try keys.requireGenuine(header, block, path: path)
            return nil
        } catch {
            return error
        }
    }

    /// Segments that nobody with the key can have written: their batches are not read.
    private func judgeTrust(_ survey: inout LogSurvey) throws(StorageError) {
        let trust = ContentTrust(keys: keys, encryptsExisting: false, snapshotPath: directory.snapshotData)
        while true {
            let segments = survey.segments.compactMap { segment in
                segment.header.map { ContentTrust.Segment(header: $0, path: segment.facts.path) }
            }
            do throws(StorageError) {
                _ = try trust.judge(nil, segments)
                return
            } catch {
                guard let index = survey.segments.firstIndex(where: { $0.facts.number == error.segment }) else {
                    throw error
                }
                survey.segments[index].facts.standing = .foreign(error.firstSentence)
                survey.segments[index].header = nil
                survey.problems.append(error)
            }
        }
    }

    /// Without FORMAT there may be the first segment of a creation that a crash cut short: provably without a batch.
    private func isUntouchedFirstSegment() throws(StorageError) -> Bool {
        var window = try SegmentWindow(io: io, path: directory.segment(.first))
        guard case .valid(let header) = SegmentHeader.read(try window.bytes(at: 0, LogLimits.blockBytes)),
            header.number == .first, header.firstBatch == BatchNumber(rawValue: 1)
        else { return false }
        return try window.usedBytes(from: LogLimits.firstBatchOffset) == LogLimits.firstBatchOffset
    }
}

extension StorageError {
    /// Missing rights, and a process without descriptors or memory, are the caller's matter, not the store's condition.
    func throwIfForbidden(root: String) throws(StorageError) {
        guard let systemCall, systemCall.isAboutTheCaller else { return }
        throw .inspectionFailed(systemCall, root: root)
    }

    static func inspectionFailed(_ error: SystemCallError, root: String) -> StorageError {
        switch error.number {
        case EACCES, EPERM:
            StorageError(
                .unusableDirectory,
                "the store can't be read: \(error.reason); run this as the user that owns it",
                path: error.path,
                systemCall: error
            )
        default: .deviceFailed(error)
        }
    }
}

extension SystemCallError {
    /// The caller may not, or can't, read: whatever is in the file.
    var isAboutTheCaller: Bool { number == EACCES || number == EPERM || isLackOfResources }
}
