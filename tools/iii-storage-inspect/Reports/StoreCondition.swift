import Storage

/// What a store's log and its snapshot come to together, as `verify` without `--deep` judges them: the one place that
/// decides whether content is certain, and what commands that show content say and end with.
struct StoreCondition {
    /// Beside an engine that rotates, checkpoints and retires between two looks.
    static let attempts = 5

    var log: LogReport
    var snapshot: SnapshotCheck

    /// Looks at the snapshot, for a log that was walked.
    static func look(_ path: String, _ key: KeyArguments, _ log: LogReport, _ console: Console) throws -> StoreCondition
    {
        var condition = StoreCondition(
            log: log,
            snapshot: try SnapshotCheck.run(path, key, log, isDeep: false, console)
        )
        for _ in 1..<attempts where condition.snapshot.problem != nil {
            guard try LogInspector(path: path).facts().lock.isHeld else { break }
            condition.snapshot = try SnapshotCheck.run(path, key, log, isDeep: false, console)
        }
        return condition
    }

    var status: ProcessStatus { snapshot.status(with: log) }

    /// What of the log's problems the engine refuses with; nil: nothing.
    private var refusal: StorageError? { log.problems.first { !isOfHistory($0) } }

    /// Something is damaged, but nothing that the content needs: the snapshot holds all that stood there.
    var onlyHistoryIsDamaged: Bool {
        !log.problems.isEmpty && log.omittedProblems == 0 && refusal == nil && !snapshot.isDamaged
    }

    /// The engine looks at nothing before the checkpoint but at the segments' lengths, and whether somebody went on writing
    /// behind their ends.
    private func isOfHistory(_ problem: StorageError) -> Bool {
        guard snapshot.problem == nil, let checkpoint = snapshot.facts?.checkpoint, let segment = problem.segment,
            segment > 0, problem.row != .r9, problem.row != .r16
        else { return false }
        if segment < checkpoint.segment { return true }
        // The header is looked at.
        guard segment == checkpoint.segment, let offset = problem.offset, offset > 0 else { return false }
        return offset < checkpoint.offset
    }

    /// Why the content is not certain; nil: it is exactly what was acknowledged.
    ///
    /// - Parameter position: the content at this LSN; nil: at the end. What is missing behind it does no harm.
    func uncertainty(at position: LSN? = nil) -> StorageError? {
        if let problem = snapshot.problem { return problem }
        return log.problems.first { problem in
            !isOfHistory(problem) && (position == nil || !isToldByAGap(problem))
        }
    }

    /// The log names the LSNs that are missing there, or only what comes behind its end is.
    private func isToldByAGap(_ problem: StorageError) -> Bool {
        if problem.row == .r11, !log.gaps.contains(where: { $0.segment == problem.segment }) { return true }
        return log.gaps.contains { $0.segment == problem.segment && ($0.offset ?? 0) == problem.offset ?? 0 }
    }

    var phrase: String {
        if onlyHistoryIsDamaged {
            return
                "damaged: only history is, all of it before the snapshot; the engine opens the store (\(log.verdict.row.rawValue))"
        }
        guard ProcessStatus(log.verdict.condition) == .sound, snapshot.isDamaged else {
            guard log.verdict.condition == .damaged, let row = refusal?.row else {
                return ConditionReport.phrase(log.verdict)
            }
            return ConditionReport.phrase(LogVerdict(condition: .damaged, row: row))
        }
        return "damaged: the snapshot is, the log is not (\(snapshot.problem?.row?.rawValue ?? "R17"))"
    }

    /// With a key in force, rows of a snapshot that doesn't belong to the log are shown to nobody: without the key anybody
    /// can make a plain one.
    func requireShowable(_ key: KeyArguments, _ path: String) throws {
        guard let refusal = snapshot.refusal, try key.keys().current != nil else { return }
        throw CommandFailure(
            "the snapshot's rows are not shown, since with a key nothing unproven is: \(ProblemReport.phrase(refusal))",
            path: path,
            remedy: "restore a backup, or read it without proof with --encryption-off",
            status: .damage
        )
    }

    /// For commands that have printed something else: on standard error, if there is anything to say.
    func finish(_ path: String, _ console: Console) -> ProcessStatus {
        guard status != .sound else { return status }
        var line = phrase
        if let reason = uncertainty() { line += "; what is shown is not certain: \(ProblemReport.phrase(reason))" }
        console.warn("\(line) [path \(path)] — see iii-storage-inspect verify")
        return status
    }
}

extension LogInspector {
    /// The same store, with segments passed over that the snapshot covers and that need a key which was not given: after a
    /// rotation the engine does without it, too.
    func passingOverCovered(_ key: KeyArguments, _ console: Console) throws -> LogInspector {
        guard try lacksKeys() else { return self }
        let check = try SnapshotCheck.run(path, key, nil, isDeep: false, console)
        guard check.problem == nil else { return self }
        var inspector = self
        inspector.coveredBefore = check.facts?.checkpoint?.segment ?? 0
        return inspector
    }
}
