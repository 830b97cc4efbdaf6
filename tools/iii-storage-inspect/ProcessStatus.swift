import Storage

/// What the process ends with (storage.md §5.12).
enum ProcessStatus: Int32 {
    case sound = 0
    /// Wrong arguments, no store at the path, no rights, or a question that the log can't answer.
    case usage = 1
    /// Sound but for a write that was cut short and never acknowledged.
    case tornTail = 2
    case damage = 3
    case newerFormat = 4

    init(_ condition: LogVerdict.Condition) {
        switch condition {
        case .new, .clean, .unclean, .inUse: self = .sound
        case .tornTail: self = .tornTail
        case .damaged: self = .damage
        case .needsVersion: self = .newerFormat
        }
    }

    init(_ error: StorageError) {
        switch error.code {
        case .needsVersion: self = .newerFormat
        case .damaged, .missingFiles, .foreignFile, .writerBug, .inputOutput: self = .damage
        default: self = .usage
        }
    }
}
