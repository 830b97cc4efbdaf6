import Storage

/// What looking at a snapshot came to, whatever became of the process that looked.
struct SnapshotCheck {
    /// nil: not readable.
    var facts: SnapshotFacts?
    /// The snapshot itself is damaged, or can't be read (R17).
    var failure: StorageError?
    /// The log doesn't account for the snapshot (R10).
    var refusal: StorageError?
    var damaged: [SnapshotReport.DamagedRow] = []
    var omittedDamaged: UInt64 = 0
    /// nil: not every row was read.
    var matchesCheckpoint: Bool?
    var replay: ReplayReport?
    var isDeep = false
    /// What is encrypted was not opened.
    var isWithoutKey = false
    /// Every row was read, but never all of one moment.
    var isOvertaken = false

    var isDamaged: Bool {
        failure != nil || refusal != nil || !damaged.isEmpty || matchesCheckpoint == false || replay?.isEqual == false
    }

    /// The first thing that is wrong.
    var problem: StorageError? { failure ?? refusal }

    func status(with log: LogReport) -> ProcessStatus {
        let status = ProcessStatus(log.verdict.condition)
        if status == .sound, !isDamaged, isOvertaken { return .no }
        guard isDamaged, status != .newerFormat else { return status }
        return failure.map { ProcessStatus($0) == .newerFormat } == true ? .newerFormat : .damage
    }
}

extension SnapshotCheck {
    /// - Parameters:
    ///   - path: the store's directory.
    ///   - log: nil: it wasn't walked.
    static func run(_ path: String, _ key: KeyArguments, _ log: LogReport?, isDeep: Bool, _ console: Console) throws
        -> SnapshotCheck
    {
        var check = SnapshotCheck()
        check.isWithoutKey = try key.keys().isEmpty
        // A creation that was cut short has none yet.
        if log?.verdict.condition == .new { return check }
        var words = [SnapshotWalk.name, path] + key.words
        if isDeep { words += ["--deep", "--replay"] }
        check.isDeep = isDeep
        let ending = try SnapshotChild(tool: console.tool, words: words).run { frame in
            check.take(frame, console)
        }
        if case .broken(let reason) = ending {
            check.failure = .unreadableSnapshot(path, reason)
        }
        // A wrong key is nobody's damage, nor is a process without descriptors.
        if let failure = check.failure, ProcessStatus(failure) == .usage || failure.isShortage { throw failure }
        return check
    }

    private mutating func take(_ frame: ChildFrame, _ console: Console) {
        func json() -> JSON? { JSON(parsing: frame.value) }
        switch frame.kind {
        case .facts: begin(json().flatMap { SnapshotFactsReport.facts($0) })
        case .row: break
        case .damaged:
            let reason = String(decoding: frame.value, as: UTF8.self)
            add(.init(table: frame.table, key: frame.key, reason: reason, isUnproven: frame.number == 1))
        case .progress: console.showProgress("reading the snapshot", done: frame.number, of: facts?.rows ?? 0)
        case .refusal: refusal = ErrorJSON.error(json())
        case .replay: replay = json().map { ReplayReport($0) }
        case .failure: failure = ErrorJSON.error(json())
        case .end:
            isOvertaken = frame.number == ChildFrame.overtaken
            matchesCheckpoint = isDeep && !isOvertaken ? frame.number == 1 : nil
        }
    }

    /// What was told before is of another moment.
    private mutating func begin(_ facts: SnapshotFacts?) {
        self.facts = facts
        refusal = nil
        damaged = []
        omittedDamaged = 0
    }

    private mutating func add(_ row: SnapshotReport.DamagedRow) {
        if damaged.count < InspectionLimits.damagedRows { damaged.append(row) } else { omittedDamaged += 1 }
    }
}

extension StorageError {
    static func unreadableSnapshot(_ path: String, _ reason: String) -> StorageError {
        var error = StorageError(
            .damaged,
            "the snapshot is damaged: \(reason). Restore a backup, or let iii-storage-inspect salvage what is sound",
            path: path + "/snapshot"
        )
        error.row = .r17
        return error
    }
}

extension SnapshotFacts {
    var rows: UInt64 { checkpoint?.tables.values.reduce(0, +) ?? 0 }
}
