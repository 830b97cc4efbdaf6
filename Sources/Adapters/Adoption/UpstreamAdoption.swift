import Storage

/// Takes the upstream volume that lies in a store's own directory into that store, once: at the first start on a
/// `file_path` of an upstream engine, before anybody is served.
///
/// The store says how far it came (`AdoptionRecord`): `begun` is durable before the first row, `done` comes after every
/// entry was compared. Whatever ends the process between them, the next start removes what is there and starts over. A
/// store with content of its own takes nothing, and notes that (`passed_over`). The files are only read. Blocks for the
/// disk; safe on the event loop, while that serves nobody.
public struct UpstreamAdoption {
    public enum Event: Sendable, Hashable {
        /// An adoption was cut short: what it wrote is removed.
        case undoing(AdoptionRecord)
        case started(files: Int, bytes: Int)
        /// Bytes of the files done, of all.
        case progress(Phase, done: Int, of: Int)
    }

    public enum Phase: String, Sendable {
        case reading, importing, comparing
    }

    public enum Outcome: Sendable {
        /// There are no files of this kind.
        case noVolume
        /// There are none any more, and what an interrupted adoption had taken of them was removed.
        case volumeGone(AdoptionRecord)
        /// It was done at an earlier start.
        case doneBefore(AdoptionRecord)
        /// The store has content of its own, so none was taken from the files beside it.
        case notEmpty(files: Int)
        /// State took them as scopes at an earlier start, when no stream worker had the path: not taken twice.
        case takenAsScopes(files: Int)
        case adopted(AdoptionRecord, UpstreamImportResult, UpstreamVolume)
    }

    private let store: Store
    private let kind: ContentKind
    private let owners: UpstreamOwners
    private let clock: StorageClock

    /// - Parameter owners: all workers that have this store's path: they decide what is of this kind.
    public init(store: Store, kind: ContentKind, owners: UpstreamOwners, clock: StorageClock = .system) {
        precondition(owners.workers.contains(kind.owner), "who adopts is one of the owners")
        self.owners = owners
        self.store = store
        self.kind = kind
        self.clock = clock
    }

    /// - Parameter observe: called before each transaction and behind each file; what it throws ends the adoption, which
    ///   the next start undoes.
    /// - Throws: `UpstreamError`: damage, no room, files that change; `StorageError`.
    public func run(_ observe: (Event) throws -> Void = { _ in }) throws -> Outcome {
        let record = try readRecord(kind)
        if let record, record.progress == .done { return .doneBefore(record) }
        if let record, record.progress == .begun {
            try observe(.undoing(record))
            try ContentRemoval(store: store, layout: kind.layout).run()
        }
        let volume = try UpstreamVolume(path: store.recovery.path)
        let source = try UpstreamImport(volume: volume, owners: allOwners(), kinds: [kind], takesSalvage: false)
        if try record?.progress == .passedOver || record == nil && !isEmpty() { return try passOver(source, record) }
        try requireKnownNames(volume)
        guard !source.files.isEmpty else {
            guard let record else { return .noVolume }
            try write(nil)
            return .volumeGone(record)
        }
        if try wereTakenAsScopes() {
            if record != nil { try write(nil) }
            return .takenAsScopes(files: source.files.count)
        }
        return try adopt(source, observe)
    }

    /// What another worker took of this volume at an earlier start is that one's still, whether it has the path today or not.
    private func allOwners() throws -> UpstreamOwners {
        let earlier = try ContentKind.allCases.filter { other in
            try other != kind && readRecord(other).map { $0.progress != .begun } ?? false
        }
        return owners.union(Set(earlier.map(\.owner)))
    }

    private func wereTakenAsScopes() throws -> Bool {
        guard kind == .stream, let state = try readRecord(.state), state.progress == .done, let owners = state.owners
        else { return false }
        return !owners.contains(UpstreamOwner.stream.rawValue)
    }

    /// Content that is removed later must not be replaced by old files then. With the files the record goes.
    private func passOver(_ source: UpstreamImport, _ record: AdoptionRecord?) throws -> Outcome {
        if source.files.isEmpty {
            if record != nil { try write(nil) }
            return .noVolume
        }
        if record == nil { try write(self.record(.passedOver, source, nil)) }
        return .notEmpty(files: source.files.count)
    }

    private func adopt(_ source: UpstreamImport, _ observe: (Event) throws -> Void) throws -> Outcome {
        try observe(.started(files: source.files.count, bytes: source.bytes))
        let found = try source.survey { try observe(.progress(.reading, done: $0, of: source.bytes)) }
        let room = store.metrics.snapshotFreeBytes
        try AdoptionCheck(volume: source.volume, reusableBytes: room).require(found)
        try write(record(.begun, source, found))
        let taken = try importAll(source) { try observe(.progress(.importing, done: $0, of: source.bytes)) }
        try requireUnchanged(source.volume, found.counts == taken.counts && taken.damaged.isEmpty)
        let listed = try source.verify(store) { try observe(.progress(.comparing, done: $0, of: source.bytes)) }
        try requireUnchanged(source.volume, true)
        var done = record(.done, source, taken)
        // What the worker that was asked finds: nothing else is worth a line in the log.
        done.groups = listed[kind]?.groups ?? 0
        done.entries = listed[kind]?.entries ?? 0
        try write(done)
        return .adopted(done, taken, source.volume)
    }

    /// Ends with a checkpoint: what is compared then is what the disk has.
    private func importAll(_ source: UpstreamImport, _ progress: (Int) throws -> Void) throws -> UpstreamImportResult {
        do {
            let result = try source.run(into: store, progress: progress)
            try store.checkpoint()
            return result
        } catch let error as StorageError where error.code == .lowSpace {
            throw UpstreamError(
                .lowSpace,
                "the disk ran full while the upstream volume was imported (\(error.message)). Make room and start again: "
                    + "what was taken is removed, and the files are as they were",
                path: source.volume.path
            )
        }
    }

    // MARK: Conditions

    private func isEmpty() throws -> Bool {
        let layout = kind.layout
        return try store.read { $0.isEmpty(layout) }.wait()
    }

    /// Upstream reads files that someone has named by hand, and serves what is in them.
    private func requireKnownNames(_ volume: UpstreamVolume) throws {
        let foreign = volume.unknown.filter { $0.mayBeIndex && isOfThisKind($0.name) }
        guard let first = foreign.first else { return }
        throw UpstreamError(
            .damagedFiles,
            "\(first) (\(foreign.count) such files). Rename it as upstream would, or move it out of the directory; "
                + "nothing was imported",
            path: volume.path
        )
    }

    private func isOfThisKind(_ fileName: String) -> Bool {
        // Alone with the directory, a worker has to know all of it.
        guard owners.workers.isSuperset(of: [.state, .stream]) else { return true }
        let isStream = ["stream:", "stream%3A", "stream%3a"].contains { fileName.utf8.starts(with: $0.utf8) }
        return isStream == (kind == .stream)
    }

    /// An upstream engine that still runs on the directory replaces files at any time.
    private func requireUnchanged(_ volume: UpstreamVolume, _ sameContent: Bool) throws {
        guard sameContent, try UpstreamVolume(path: volume.path).files == volume.files else {
            throw UpstreamError(
                .changed,
                "the upstream volume changed while it was read. Stop the engine that writes it, then start again",
                path: volume.path
            )
        }
    }

    // MARK: The record

    private func record(
        _ progress: AdoptionRecord.Progress,
        _ source: UpstreamImport,
        _ result: UpstreamImportResult?
    ) -> AdoptionRecord {
        let counts = result?.counts[kind] ?? .init()
        return AdoptionRecord(
            progress: progress,
            files: source.files.count,
            groups: counts.groups,
            entries: counts.entries,
            time: Int64(clock.wallNanoseconds() / 1_000_000),
            owners: source.owners.names
        )
    }

    private func readRecord(_ kind: ContentKind) throws -> AdoptionRecord? {
        let key = AdoptionRecord.key(kind)
        guard let row = try store.read({ $0.get(AdoptionRecord.table, key: key) }).wait() else { return nil }
        guard let record = AdoptionRecord(row) else {
            throw StorageError(
                .writerBug,
                "the record of the upstream volume's adoption can't be read. Keep the files and report it",
                path: store.recovery.path
            )
        }
        return record
    }

    private func write(_ record: AdoptionRecord?) throws {
        let key = AdoptionRecord.key(kind)
        try store.commit { transaction in
            if let record {
                transaction.put(AdoptionRecord.table, key: key, value: record.encoded)
            } else {
                transaction.delete(AdoptionRecord.table, key: key)
            }
        }.wait()
    }
}
