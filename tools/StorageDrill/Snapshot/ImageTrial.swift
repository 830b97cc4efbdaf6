import Glibc
import Storage

/// What became of one image.
enum TrialOutcome: Equatable {
    /// Content of a checkpoint, exactly, now and after two more.
    case right
    /// It would not open, or not take another checkpoint.
    case refused(String)
    /// `audit` says what is wrong.
    case detected(String)
    /// A state before the last two, which says so: its position is not the one where the log goes on.
    case earlier
    /// Shown as right, and wrong.
    case wrong(String)
}

/// Opens images of `snapshot/data.mdb`, one after the other, as the engine would.
struct ImageTrial {
    private let directory: String
    private let scenario: SnapshotScenario
    private let model: SnapshotModel

    /// `directory`: of its own; images are made and changed there.
    init(_ scenario: SnapshotScenario, directory: String) throws(DrillError) {
        self.directory = directory
        self.scenario = scenario
        model = SnapshotModel(scenario)
        try DrillFiles.createDirectories(directory + "/snapshot")
    }

    /// As the engine opens it.
    ///
    /// - Parameter generation: of the commit that was cut short; it or the one before is the state to be found.
    func run(_ bytes: [UInt8], generation: UInt64) throws(DrillError) -> TrialOutcome {
        try makeImage(bytes)
        do {
            return try open(generation)
        } catch {
            return .refused("\(error)")
        }
    }

    /// As `iii-storage-inspect verify --deep` reads it.
    func inspect(_ bytes: [UInt8], generation: UInt64) throws(DrillError) -> TrialOutcome {
        try makeImage(bytes)
        do {
            return try read(generation)
        } catch {
            return .refused("\(error)")
        }
    }

    private func read(_ generation: UInt64) throws -> TrialOutcome {
        let snapshot = try SnapshotInspector(path: directory, keys: scenario.keys(of: generation), pages: .always)
        var hash = ContentHash()
        let report = try snapshot.rows { row in
            row.key.withUnsafeBytes { key in row.value.withUnsafeBytes { hash.add(row.table.rawValue, key, $0) } }
            return true
        }
        guard report.isSound else { return .detected("\(report.damaged.count) damaged rows, or another digest") }
        let found = snapshot.facts.checkpoint?.generation ?? 0
        guard found < UInt64(model.hashes.count) else { return .wrong("generation \(found)") }
        guard model.hashes[Int(found)] == hash.value else { return .wrong("not the rows after \(found) checkpoints") }
        return (generation - 1...generation).contains(found) ? .right : .earlier
    }

    private func makeImage(_ bytes: [UInt8]) throws(DrillError) {
        // A reader's slot in shared memory does not survive a power cut.
        _ = unlink(directory + "/snapshot/lock.mdb")
        let file = try OpenFile(directory + "/snapshot/data.mdb", O_WRONLY | O_CREAT | O_TRUNC)
        var problem: DrillError?
        bytes.withUnsafeBytes { bytes in
            do throws(DrillError) { try file.write(bytes, at: 0) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    private func open(_ generation: UInt64) throws(StorageError) -> TrialOutcome {
        let first = try SnapshotTrial(store: directory, keys: scenario.keys(of: generation), create: false)
        if let problem = try audit(first) {
            first.close()
            return problem
        }
        let found = first.generation
        guard (generation - 1...generation).contains(found) else {
            first.close()
            return .earlier
        }
        try first.commit(scenario.changes(of: found + 1))
        let problem = try audit(first)
        first.close()
        if let problem { return problem }
        let second = try SnapshotTrial(store: directory, keys: scenario.keys(of: generation), create: false)
        defer { second.close() }
        try second.commit(scenario.changes(of: found + 2))
        if let problem = try audit(second) { return problem }
        guard second.generation == found + 2 else { return .wrong("two commits on \(found) made \(second.generation)") }
        return .right
    }

    /// nil: the content of the generation that it says it is.
    private func audit(_ trial: SnapshotTrial) throws(StorageError) -> TrialOutcome? {
        var hash = ContentHash()
        let finding = try trial.audit { hash.add($0.rawValue, $1, $2) }
        if let problem = finding.problem { return .detected(problem) }
        guard finding.generation < UInt64(model.hashes.count) else { return .wrong("generation \(finding.generation)") }
        let isRight = model.hashes[Int(finding.generation)] == hash.value
        return isRight ? nil : .wrong("not the rows after \(finding.generation) checkpoints")
    }
}
