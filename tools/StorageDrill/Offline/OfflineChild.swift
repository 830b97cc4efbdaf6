import CRecorder
import Glibc
import Storage

/// The processes of `OfflineRounds`.
struct OfflineChild {
    private static let note = "cut by a drill"
    /// Transactions before the checkpoint, and in each of the three parts behind it.
    private static let early: UInt64 = 40
    private static let part: UInt64 = 12
    /// Where damage is tried.
    private static let places = 40

    private let plan: OfflinePlan
    private let workload: Workload
    private let shape: StoreShape

    private init(_ plan: OfflinePlan) {
        self.plan = plan
        workload = Workload(seed: plan.seed)
        var shape = StoreShape()
        shape.key = plan.isEncrypted ? 2 : 0
        self.shape = shape
    }

    static func run(_ plan: OfflinePlan) throws {
        let child = OfflineChild(plan)
        switch plan.step {
        case .prepare: try child.prepare()
        case .write: try child.write()
        case .check:
            let words = Array(child.check().text.utf8)
            _ = Glibc.write(STDOUT_FILENO, words, words.count)
        }
    }

    private func prepare() throws {
        try DrillFiles.createDirectories(plan.directory)
        var facts = OfflineFacts()
        var store = try Store.open(path: plan.source, options: firstShape.options)
        _ = try commit(store, Self.early)
        if plan.isEncrypted {
            try store.close()
            store = try Store.open(path: plan.source, options: shape.options)
        }
        try store.checkpoint()
        facts.positionCount = try commit(store, Self.part)
        facts.position = store.durableLSN.rawValue
        facts.backupCount = try commit(store, Self.part)
        if plan.writer != .backup { _ = try store.backup(to: plan.backup) }
        facts.sourceCount = try commit(store, Self.part)
        // Closing makes a checkpoint of what is to be damaged: a copy from before is as after a SIGKILL.
        let killed = plan.directory + "/killed"
        if plan.writer == .cut { try TreeComparison(plan.source, killed).copy() }
        try store.close()
        if plan.writer == .cut {
            try DrillFiles.removeTree(plan.source)
            guard rename(killed, plan.source) == 0 else { throw DrillError.failed("rename", killed) }
            try damage()
        }
        let file = try OpenFile(plan.facts, O_WRONLY | O_CREAT | O_TRUNC)
        try Self.write(facts.text, file)
    }

    /// What the writers read has been sealed with two keys.
    private var firstShape: StoreShape {
        var first = shape
        first.key = min(shape.key, 1)
        return first
    }

    private static func write(_ text: String, _ file: borrowing OpenFile) throws(DrillError) {
        var problem: DrillError?
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(DrillError) { try file.write(bytes, at: 0) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    private func commit(_ store: Store, _ count: UInt64) throws -> UInt64 {
        var last: UInt64 = 0
        for _ in 0..<count { last = try waitUntilDurable(workload.commitNext(store)) }
        return last
    }

    /// One bit, at the first place of the newest segment that recovery refuses and a cut helps with.
    private func damage() throws {
        let wal = plan.source + "/wal"
        guard let name = try DrillFiles.list(wal).last(where: { $0.hasSuffix(".wal") }) else {
            throw DrillError("there is no segment", path: wal)
        }
        let file = try OpenFile(wal + "/" + name, O_RDWR)
        var bytes = [UInt8](repeating: 0, count: Int(file.size))
        guard pread(file.descriptor, &bytes, bytes.count, 0) == bytes.count else {
            throw DrillError.failed("pread", name)
        }
        let last = bytes.lastIndex { $0 != 0 } ?? 0
        for part in 1..<Self.places {
            let place = last * part / Self.places
            var damaged = bytes[place] ^ 0x10
            guard pwrite(file.descriptor, &damaged, 1, off_t(place)) == 1 else {
                throw DrillError.failed("pwrite", name)
            }
            if (try? StoreCut.plan(plan.source, keys: shape.options.encryption)) != nil { return }
            guard pwrite(file.descriptor, &bytes[place], 1, off_t(place)) == 1 else {
                throw DrillError.failed("pwrite", name)
            }
        }
        throw DrillError("no damage that can be cut away", path: wal)
    }

    private func write() throws {
        let facts = try OfflineFacts(path: plan.facts)
        switch plan.writer {
        case .backup:
            let store = try Store.open(path: plan.source, options: shape.options)
            _ = try store.backup(to: plan.target)
            recorder_mark(1)
            return try store.close()
        case .restore:
            _ = try StoreRestore.run(backup: plan.backup, target: plan.target, options: shape.options)
        case .restoreLog:
            _ = try StoreRestore.run(
                backup: plan.backup,
                target: plan.target,
                log: plan.source,
                options: shape.options
            )
        case .restorePosition:
            let position = RestorePosition.through(LSN(rawValue: facts.position))
            _ = try StoreRestore.run(
                backup: plan.backup,
                target: plan.target,
                position: position,
                options: shape.options
            )
        case .salvage: _ = try StoreSalvage.run(from: plan.source, to: plan.target, keys: shape.options.encryption)
        case .cut:
            guard let cut = try StoreCut.plan(plan.source, keys: shape.options.encryption) else {
                throw DrillError("there is nothing to cut")
            }
            _ = try StoreCut.run(
                plan.source,
                segment: cut.segment,
                offset: cut.offset,
                copyTo: plan.target,
                note: Self.note,
                options: shape.options
            )
        }
        recorder_mark(1)
    }

    /// What it finds is a verdict, not an error.
    private func check() -> Verdict {
        do {
            if plan.writer == .cut { return try checkCut() }
            let verdict = try checkSource()
            guard verdict.isSound else { return verdict }
            return try checkTarget()
        } catch {
            return Verdict(problem: "\(error)")
        }
    }

    /// A backup's source is in use meanwhile; the others' are only read.
    private func checkSource() throws -> Verdict {
        if plan.writer == .backup { return store(plan.source, plan.expected) }
        for name in ["source", "backup"] {
            let difference = try TreeComparison(plan.directory + "/" + name, plan.base + "/" + name).first()
            if let difference { return Verdict(problem: "\(name) was changed: \(difference)") }
        }
        return Verdict()
    }

    /// Under its name there is nothing, or all of it.
    private func checkTarget() throws -> Verdict {
        guard DrillFiles.kind(of: plan.target) != nil else {
            return plan.isReported ? Verdict(problem: "success was reported, but there is no target") : Verdict()
        }
        guard plan.writer == .backup else { return store(plan.target, plan.expected) }
        let restored = plan.directory + "/restored"
        _ = try StoreRestore.verify(plan.target)
        _ = try StoreRestore.run(backup: plan.target, target: restored, options: shape.options)
        return store(restored, plan.expected)
    }

    /// As it was, or as it should be; when it is no longer as it was, the whole copy is there.
    private func checkCut() throws -> Verdict {
        let isUntouched = try TreeComparison(plan.source, plan.base + "/source").first() == nil
        if isUntouched, !plan.isReported { return Verdict() }
        let hasCopy = DrillFiles.kind(of: plan.target) != nil
        let difference = hasCopy ? try TreeComparison(plan.target, plan.base + "/source").first() : "it is not there"
        if let difference {
            return Verdict(problem: "the store was changed, but the safety copy is not whole: \(difference)")
        }
        // Refused as before: then it can be cut again.
        if !plan.isReported, try StoreCut.plan(plan.source, keys: shape.options.encryption) != nil { return Verdict() }
        return store(plan.source, plan.expected)
    }

    /// 0: any number of transactions.
    private func store(_ path: String, _ expected: UInt64) -> Verdict {
        let checker = Checker(workload: workload, shape: shape)
        return checker.check(path: path, acknowledged: expected, begun: expected == 0 ? .max : expected)
    }
}
