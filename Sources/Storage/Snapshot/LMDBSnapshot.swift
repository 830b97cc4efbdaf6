import CLMDB
import Glibc
import Synchronization

/// The snapshot as an LMDB environment (storage.md §5.9): one tree, the checkpoint row behind all tables.
///
/// Opened with `MDB_NOTLS` and default sync mode: a commit is durable when it returns. Reading: see `SnapshotStore`.
///
/// `@unchecked Sendable`: what reading changes (`reader`, `isReading`, `scratch`) is touched by the holder of the core's
/// lock only, and so does `close`; `apply`, `failedCommits` and `growMap` are the checkpoint thread's; `row`, `size`, `map`
/// and `life` stand behind a `Mutex`; the environment itself may be used by any thread, and lives until the last copy has ended.
final class LMDBSnapshot: SnapshotStore, @unchecked Sendable {
    /// Where LMDB has mapped its file.
    ///
    /// `@unchecked Sendable`: an address for `madvise`, never followed.
    struct MemoryMap: @unchecked Sendable {
        var address: UnsafeMutableRawPointer?
        var bytes = 0
        var watch = WatchedMap()
        /// Of the table of readers.
        var lockWatch = WatchedMap()
    }

    struct Facts: Sendable {
        var row: CheckpointRow?
        var size = SnapshotSize()
        /// Segments from here on have authenticated headers; none: not known.
        var authenticatedFrom = SegmentNumber.none
        /// nil: not known, the disk has room.
        var free: FreePages?
    }

    let path: String
    let options: SnapshotOptions
    let environment: OpaquePointer
    let mapped: MappedMemory
    let facts = Mutex(Facts())
    let codec: SnapshotCodec
    /// nil: opened for reading only.
    let scrub: SnapshotScrub?
    /// nil: opened for reading only.
    let witness: SyncWitness?
    let file: FileIdentity?
    /// The checkpoint thread's.
    var failedCommits = FailedCommits()
    /// Held while pages are given back, and while the map moves.
    let map = Mutex(MemoryMap())
    /// Held while the environment is closed, and while the map moves.
    let life = Mutex(SnapshotLife())

    private var reader: OpaquePointer?
    private var isReading = false
    private var isClosed = false
    private let readCodec: SnapshotCodec
    private let scratch = SnapshotScratch()
    /// Rows that are not sealed may be read: see `decideOnPlainRows`.
    private var readsPlain = false

    /// Opens or creates the environment in a directory that exists.
    init(path: String, options: SnapshotOptions) throws(StorageError) {
        self.path = path
        self.options = options
        mapped = MappedMemory(budgetBytes: options.mappedBytes)
        codec = SnapshotCodec(options)
        readCodec = SnapshotCodec(options)
        if options.isNew { facts.withLock { $0.authenticatedFrom = .first } }
        scrub = options.isReadOnly ? nil : SnapshotScrub(path: path, mapped: mapped)
        // LMDB believes whatever it maps.
        try LMDBStructure.check(path + "/data.mdb")
        do throws(SystemCallError) {
            try SnapshotLockFile.prepare(path)
        } catch {
            throw .openFailed(error)
        }
        WatchedMap.install()
        do {
            environment = try Self.open(path, options)
        } catch {
            guard error.status == EACCES else { throw error.refusal }
            throw .snapshotOfAnotherUser(path, error)
        }
        do throws(SystemCallError) {
            let data = try Self.dataFile(environment, path)
            if options.isNew { InheritedOwner.give(data.descriptor, like: path) }
            file = try PosixIO().identity(data)
            witness = options.isReadOnly ? nil : try SyncWitness(data.path)
        } catch {
            mdb_env_close(environment)
            throw .openFailed(error)
        }
        // From here on `deinit` closes the environment, on errors too.
        do {
            try learn()
        } catch {
            throw error.refusal
        }
        if size.usedPages <= options.walkedPages { try walkTree() }
        try readRow()
    }

    deinit {
        close()
    }

    /// The snapshot of a store. A new one is durable, its name aside, when this returns; an existing one must be there.
    ///
    /// `walkedPages`: a tree of up to so many is looked at page by page before LMDB follows it.
    static func open(
        _ directory: LogDirectory,
        _ options: StorageOptions,
        store: StoreID,
        create: Bool,
        walkedPages: Int = SnapshotOptions.walkedAtOpening
    ) throws(StorageError) -> LMDBSnapshot {
        var facts = stat()
        guard create || stat(directory.snapshotData, &facts) == 0 else {
            throw .snapshotDamaged(directory.snapshotData, "the file is missing")
        }
        guard create || facts.st_nlink < 2 else {
            throw .snapshotOfTwoNames(directory.snapshotData, names: UInt64(facts.st_nlink))
        }
        // LMDB would take an empty file for a new environment.
        guard create || facts.st_size >= 2 * LogLimits.blockBytes else {
            throw .snapshotDamaged(directory.snapshotData, "the file has only \(facts.st_size) bytes")
        }
        var own = SnapshotOptions(options, store: store)
        own.isNew = create
        own.walkedPages = walkedPages
        let snapshot = try LMDBSnapshot(path: directory.snapshot, options: own)
        guard create else {
            try snapshot.coverMissingEnd(bytes: Int(facts.st_size))
            snapshot.learnFreePages(settling: false)
            return snapshot
        }
        let status = mdb_env_sync(snapshot.environment, 1)
        guard status == 0 else {
            throw LMDBError(call: "mdb_env_sync", status: status, path: directory.snapshot).refusal
        }
        return snapshot
    }

    /// A file that ends before its last page would kill the process that reads there. LMDB may leave out free pages at the
    /// end, so that is no damage by itself: `LMDBStructure` has seen that all of them are free, and so bounds the length.
    private func coverMissingEnd(bytes: Int) throws(StorageError) {
        guard bytes < size.fileBytes else { return }
        let data = path + "/data.mdb"
        guard truncate(data, off_t(size.fileBytes)) == 0 else {
            throw .openFailed(SystemCallError(call: "truncate", number: errno, path: data))
        }
    }

    private static func open(_ path: String, _ options: SnapshotOptions) throws(LMDBError) -> OpaquePointer {
        var made: OpaquePointer?
        try orThrow(mdb_env_create(&made), "mdb_env_create", path)
        guard let environment = made else { throw LMDBError(call: "mdb_env_create", status: ENOMEM, path: path) }
        do {
            try orThrow(mdb_env_set_mapsize(environment, options.mapBytes), "mdb_env_set_mapsize", path)
            let noSync = isMutant(.noSnapshotSync) ? MDB_NOSYNC : 0
            let readOnly = options.isReadOnly ? MDB_RDONLY | (options.isUnlocked ? MDB_NOLOCK : 0) : 0
            let flags = UInt32(MDB_NOTLS | MDB_NORDAHEAD | noSync | readOnly)
            try orThrow(mdb_env_open(environment, path, flags, 0o600), "mdb_env_open", path)
            guard !options.isReadOnly else { return environment }
            var dead: Int32 = 0
            try orThrow(mdb_reader_check(environment, &dead), "mdb_reader_check", path)
        } catch {
            mdb_env_close(environment)
            throw error
        }
        return environment
    }

    /// The file that LMDB has mapped. The descriptor is LMDB's.
    static func dataFile(_ environment: OpaquePointer, _ path: String) throws(SystemCallError) -> PosixIO.File {
        var descriptor: mdb_filehandle_t = -1
        let status = mdb_env_get_fd(environment, &descriptor)
        guard status == 0 else { throw SystemCallError(call: "mdb_env_get_fd", number: status, path: path) }
        return PosixIO.File(descriptor: descriptor, path: path + "/data.mdb")
    }

    /// Refreshes what LMDB says of its own size.
    func learn() throws(LMDBError) {
        var info = MDB_envinfo()
        var stat = MDB_stat()
        try orThrow(mdb_env_info(environment, &info), "mdb_env_info", path)
        try orThrow(mdb_env_stat(environment, &stat), "mdb_env_stat", path)
        // LMDB tells the address of a fixed map only. It moves with the map's size.
        map.withLock { map in
            guard map.bytes != info.me_mapsize || map.address == nil else { return }
            map.address = MappedMemory.address(of: path + "/data.mdb")
            map.bytes = info.me_mapsize
            MappedMemory.avoidHugePages(map.address, map.bytes)
            map.watch.watch(map.address, bytes: map.bytes, path: path + "/data.mdb")
            let lock = path + "/lock.mdb"
            map.lockWatch.watch(MappedMemory.address(of: lock), bytes: SnapshotLockFile.bytes, path: lock)
        }
        let size = SnapshotSize(
            // In a large file the counts aren't counted: a wrong one must not trap.
            usedPages: Int(clamping: stat.ms_branch_pages &+ stat.ms_leaf_pages &+ stat.ms_overflow_pages),
            filePages: Int(info.me_last_pgno) + 1,
            pageBytes: Int(stat.ms_psize),
            leafPages: Int(clamping: stat.ms_leaf_pages)
        )
        facts.withLock { $0.size = size }
    }

    private func readRow() throws(StorageError) {
        defer { endRead() }
        let bytes = try rawValue(SnapshotKey.make(SnapshotKey.checkpointTable, SnapshotKey.checkpointRow))
        guard let bytes else {
            // Until the first checkpoint.
            guard size.usedPages == 0 else { throw .snapshotDamaged(path, "there are rows but no checkpoint row") }
            return
        }
        switch CheckpointRow.read(bytes) {
        case .valid(let row):
            try requireGenuine(row, bytes)
            try checkEntries(row)
            facts.withLock { $0.row = row }
            decideOnPlainRows(row)
        case .invalid(let reason): throw .snapshotDamaged(path, "checkpoint row: \(reason)")
        case .needsVersion(let what):
            throw .newerWriter(at: StorageError.Spot(path: path, segment: .none, offset: 0), what)
        }
    }

    /// A missing key is noticed now, not with the first read.
    private func requireGenuine(_ row: CheckpointRow, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        guard options.needsKeys else { return }
        try options.keys.requireAll(row.neededKeys, neededFor: path)
        guard row.isAuthenticated else {
            // Since rows are authenticated, none names a key without being so.
            guard row.isOlder || row.keyID == 0 else { throw .forgedSnapshot(path) }
            return
        }
        guard let key = options.keys.key(KeyID(rawValue: row.keyID)), row.isGenuine(bytes, key: key) else {
            throw .forgedSnapshot(path)
        }
    }

    /// LMDB counts its entries in every commit: the row's counts were made apart from that. It costs nothing to compare.
    private func checkEntries(_ row: CheckpointRow) throws(StorageError) {
        var stat = MDB_stat()
        let status = mdb_stat(try beginRead(), Self.tree, &stat)
        guard status == 0 else { throw LMDBError(call: "mdb_stat", status: status, path: path).refusal }
        var expected: UInt64 = 0
        for count in row.counts.values { expected = expected &+ count }
        // The checkpoint row, and whatever else is in its table.
        let others = try cursor(SnapshotKey.checkpointTable, from: nil, upTo: nil, reversed: false)
        while others.key != nil {
            expected = expected &+ 1
            try others.advance()
        }
        guard UInt64(stat.ms_entries) == expected else {
            throw .snapshotDamaged(path, "\(stat.ms_entries) entries in the tree, \(expected) by the checkpoint row")
        }
    }

    var needsReseal: Bool { row.map { !$0.isSettled(options.keys) } ?? false }
    var row: CheckpointRow? { facts.withLock { $0.row } }
    var size: SnapshotSize { facts.withLock { $0.size } }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let reader { mdb_txn_abort(reader) }
        reader = nil
        isReading = false
        life.withLock { life in
            if life.close() { closeEnvironment() }
        }
    }

    /// No transaction of this process is open.
    func closeEnvironment() {
        map.withLock { map in
            map.watch.unwatch()
            map.lockWatch.unwatch()
            map = MemoryMap()
            mdb_env_close(environment)
            witness?.close()
        }
    }

    /// The checkpoint thread has committed a transaction.
    func committed(_ row: CheckpointRow) {
        facts.withLock { $0.row = row }
        scrub?.writerCommitted(row)
        // The figures serve decisions about room only: an old one does no harm.
        try? learn()
        learnFreePages(settling: true)
    }

    var waitsForGrowth: Bool { life.withLock { $0.waitsForGrowth } }

    func growMap() throws(SnapshotFailure) {
        do throws(LMDBError) {
            try requireAddresses(2 * map.withLock { $0.bytes })
        } catch {
            throw error.failure
        }
        do throws(LMDBError) {
            if try moveMap() { return try learn() }
        } catch {
            // There is no map any more: whatever LMDB does next would end the process.
            isClosed = true
            throw .final(error.lost)
        }
        throw .busy(
            StorageError(.overloaded, "the snapshot's map must grow, which waits for a backup to end", path: path)
        )
    }

    /// LMDB gives the old map up before it asks for the new one, and can't go on without either.
    private func requireAddresses(_ bytes: Int) throws(LMDBError) {
        let place = mmap(nil, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let place, place != MAP_FAILED else { throw LMDBError(call: "mmap", status: errno, path: path) }
        munmap(place, bytes)
    }

    /// In one hold, so that no copy begins meanwhile. False: one is in progress.
    private func moveMap() throws(LMDBError) -> Bool {
        try life.withLock { (life) throws(LMDBError) in
            guard life.mayGrow() else { return false }
            try map.withLock { (map) throws(LMDBError) in
                map.watch.unwatch()
                map.address = nil
                try orThrow(mdb_env_set_mapsize(environment, map.bytes * 2), "mdb_env_set_mapsize", path)
            }
            return true
        }
    }
}

// Reading: under the core's lock.
extension LMDBSnapshot {
    func find(_ table: TableID, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotValue? {
        guard key.count <= LogLimits.maximumKeyBytes else { return nil }
        let bytes = SnapshotKey.tableBytes + key.count
        return try withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 8) { place throws(StorageError) in
            place[0] = UInt8(table.rawValue >> 8)
            place[1] = UInt8(truncatingIfNeeded: table.rawValue)
            if let base = key.baseAddress { memcpy(place.baseAddress! + SnapshotKey.tableBytes, base, key.count) }
            let rowKey = UnsafeRawBufferPointer(place)
            guard let value = try rawValue(rowKey) else { return nil }
            return try decode(key: rowKey, value: value, into: scratch)
        }
    }

    /// With a key in force, rows that are not sealed are believed only while the checkpoint row says that there are some.
    /// Under the core's lock.
    private func decideOnPlainRows(_ row: CheckpointRow) {
        let mayHoldPlain = row.mayHoldPlainRows
        readsPlain = options.keys.current != nil && mayHoldPlain
        readCodec.allowsPlain = options.keys.current == nil || mayHoldPlain
    }

    func decode(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, into scratch: SnapshotScratch)
        throws(StorageError) -> SnapshotValue
    {
        try readCodec.decode(key: key, value: value, into: scratch, path: path)
    }

    private func rawValue(_ key: Bytes) throws(StorageError) -> UnsafeRawBufferPointer? {
        var result: Result<UnsafeRawBufferPointer?, StorageError> = .success(nil)
        key.withUnsafeBytes { key in
            result = Result { () throws(StorageError) in try rawValue(key) }
        }
        return try result.get()
    }

    private func rawValue(_ key: UnsafeRawBufferPointer) throws(StorageError) -> UnsafeRawBufferPointer? {
        let reader = try beginRead()
        var value = MDB_val()
        let status = withLMDBValue(key) { mdb_get(reader, Self.tree, &$0, &value) }
        touch()
        if status == MDB_NOTFOUND { return nil }
        guard status == 0 else { throw LMDBError(call: "mdb_get", status: status, path: path).refusal }
        return UnsafeRawBufferPointer(value)
    }

    func cursor(_ table: TableID, from: Bytes?, upTo: Bytes?, reversed: Bool) throws(StorageError)
        -> any SnapshotCursor
    {
        let reader = try beginRead()
        return try LMDBCursor(
            self,
            reader,
            from: SnapshotKey.make(table, from ?? []),
            upTo: upTo.map { SnapshotKey.make(table, $0) } ?? SnapshotKey.end(of: table),
            reversed: reversed
        )
    }

    /// Every row of every table, and the checkpoint row.
    func allRows(reversed: Bool = false) throws(StorageError) -> LMDBCursor {
        try LMDBCursor(
            self,
            try beginRead(),
            from: [0],
            upTo: SnapshotKey.end(of: TableID(rawValue: .max)),
            reversed: reversed
        )
    }

    func endRead() {
        guard isReading, let reader else { return }
        mdb_txn_reset(reader)
        isReading = false
    }

    @inline(__always)
    func touch() {
        mapped.touch()
        // Tools walk through the whole file in one read.
        if options.isReadOnly { trimMapped() }
    }

    func trimMapped() {
        guard mapped.isDue else { return }
        // Somebody else is at it: no commit waits for that.
        map.withLockIfAvailable { mapped.trim($0.address, $0.bytes) }
    }

    /// The unnamed database.
    static let tree: MDB_dbi = 1

    func beginRead() throws(StorageError) -> OpaquePointer {
        guard !isClosed else { throw Self.closed(path) }
        do throws(LMDBError) {
            // The image that is fixed below is at least as new as a row that was committed before.
            if readsPlain, !isReading, let row { decideOnPlainRows(row) }
            if let reader {
                if !isReading { try orThrow(mdb_txn_renew(reader), "mdb_txn_renew", path) }
                isReading = true
                return reader
            }
            let made = try makeReader()
            reader = made
            isReading = true
            return made
        } catch {
            throw error.refusal
        }
    }

    func makeReader() throws(LMDBError) -> OpaquePointer {
        var made: OpaquePointer?
        try orThrow(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &made), "mdb_txn_begin", path)
        guard let made else { throw LMDBError(call: "mdb_txn_begin", status: ENOMEM, path: path) }
        // Names the tree's order for the whole environment.
        var tree: MDB_dbi = 0
        let status = mdb_dbi_open(made, nil, 0, &tree)
        guard status == 0, tree == Self.tree else {
            mdb_txn_abort(made)
            throw LMDBError(call: "mdb_dbi_open", status: status, path: path)
        }
        return made
    }
}
