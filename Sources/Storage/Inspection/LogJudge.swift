/// The log's condition from what a walk found: recovery's step 8 (storage.md §5.10). Pure.
enum LogJudge {
    static func verdict(
        problem: StorageError?,
        tail: LogTail?,
        isNew: Bool,
        setAside: Bool,
        isClean: Bool,
        isInUse: Bool
    ) -> LogVerdict {
        if let problem { return refusal(problem) }
        if isNew { return LogVerdict(condition: .new, row: .r1) }
        let row = setAside ? .r12 : tail?.row ?? .r5
        if isInUse { return LogVerdict(condition: .inUse, row: row) }
        if setAside || tail?.content == .torn { return LogVerdict(condition: .tornTail, row: row) }
        return LogVerdict(condition: isClean ? .clean : .unclean, row: row)
    }

    private static func refusal(_ problem: StorageError) -> LogVerdict {
        LogVerdict(
            condition: problem.code == .needsVersion ? .needsVersion : .damaged,
            row: problem.row ?? .r16
        )
    }
}
