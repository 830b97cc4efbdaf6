import Glibc
import Storage

/// What the process ends with: the table of docs/inspection.md, which is one for all commands of `iii`.
enum ProcessStatus: Int32 {
    case sound = 0
    /// The answer is no: a key that isn't there, stores that differ, a moment that isn't known, a check that failed.
    case no = 1
    /// The command can't be carried out as it was given: wrong arguments, no store at the path, no rights, a wrong key.
    case usage = 2
    case damage = 3
    /// Sound but for a write that was cut short and never acknowledged.
    case tornTail = 4
    case newerFormat = 5
    /// The disk failed or is full.
    case storageFailed = 74

    init(_ condition: LogVerdict.Condition) {
        switch condition {
        case .new, .clean, .unclean, .inUse: self = .sound
        case .tornTail: self = .tornTail
        case .damaged: self = .damage
        case .needsVersion: self = .newerFormat
        }
    }

    init(_ error: StorageError) {
        if error.isShortage {
            self = .storageFailed
            return
        }
        switch error.code {
        case .needsVersion: self = .newerFormat
        case .damaged, .missingFiles, .foreignFile, .writerBug: self = .damage
        case .inputOutput, .durabilityLost, .lowSpace: self = .storageFailed
        case .positionNotHeld: self = .no
        default: self = .usage
        }
    }

    /// A name that can't be had is the caller's matter; everything else is the disk's, or the process's limits.
    init(_ error: SystemCallError) {
        switch error.number {
        case ENOENT, ENOTDIR, EISDIR, EEXIST, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG: self = .usage
        default: self = .storageFailed
        }
    }

    /// Something can't be read, whether its content is damaged or the device fails.
    var isUnreadable: Bool { self == .damage || self == .storageFailed }
}

extension StorageError {
    /// The process has no descriptor or memory left: says nothing of the store.
    var isShortage: Bool { systemCall?.isLackOfResources ?? false }

    /// Something of the store can't be read, whether its content is damaged or the device fails.
    var isUnreadable: Bool { ProcessStatus(self).isUnreadable && !isShortage }
}
