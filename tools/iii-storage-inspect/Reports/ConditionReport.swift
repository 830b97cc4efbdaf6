import Storage

/// The log's condition in words.
enum ConditionReport {
    static func phrase(_ verdict: LogVerdict) -> String {
        let words =
            switch verdict.condition {
            case .new: "new: its creation was cut short before anything was written"
            case .clean: "clean: its last owner closed it"
            case .unclean: "sound: its last owner did not close it, nothing is cut"
            case .inUse: "sound so far: an engine has it open"
            case .tornTail: "torn tail: a write was cut short that was never acknowledged; opening sets it aside"
            case .damaged: "damaged: the engine refuses to open it"
            case .needsVersion: "newer format: written by a newer version"
            }
        return "\(words) (\(verdict.row.rawValue))"
    }

    /// For commands that print something else: on standard error, if there is anything to say.
    static func finish(_ report: LogReport, _ inspector: LogInspector, _ console: Console) -> ProcessStatus {
        let status = ProcessStatus(report.verdict.condition)
        if status != .sound {
            console.warn("\(phrase(report.verdict)) [path \(inspector.path)] — see iii-storage-inspect verify")
        }
        return status
    }
}
