/// What opening a store found and did.
public struct RecoveryReport: Sendable {
    public enum Condition: String, Sendable {
        case new
        /// The last owner closed it.
        case clean
        /// The last owner did not close it, and nothing was cut: all that was ever written is there.
        case unclean
        /// Bytes that were never acknowledged were set aside.
        case tornTail
    }

    /// Absolute path of the store's directory.
    public var path: String
    /// Tells this store from others, also after a restart: 32 hexadecimal digits. A restored backup keeps it.
    public var storeID: String
    /// Another one after every restore, cut and salvage, which give the same LSNs to other records. 0: none happened.
    public var incarnation: UInt64
    public var condition: Condition
    /// How the end of the log was decided.
    public var row: RecoveryRow
    /// Bytes of all segments, the new one included, and of the snapshot.
    public var bytesOnDisk: UInt64
    /// Every record up to here came from the snapshot.
    public var checkpointLSN: LSN
    public var segmentsRead: Int
    public var batchesRead: UInt64
    public var recordsReplayed: UInt64
    public var recoveredLSN: LSN
    public var durationNanoseconds: UInt64
    public var quarantinedBytes: UInt64
    /// Files that were written or moved to `quarantine/`.
    public var quarantinedFiles: [String]
    public var isDirectIO: Bool
    /// What is written from now on is encrypted.
    public var isEncrypted: Bool
    /// Facts that people should know: FUSE, unknown files.
    public var warnings: [String]

    /// Names the store and its incarnation, in hexadecimal digits and a dot: an LSN means something only together with
    /// this. Does not change while a store is opened, written and closed.
    public var positionPrefix: String {
        incarnation == 0 ? storeID : "\(storeID).\(hexadecimal(incarnation))"
    }
}

/// The rows of the recovery table (storage.md §5.10).
public enum RecoveryRow: String, Sendable, CaseIterable {
    case r1 = "R1"
    case r2 = "R2"
    case r3 = "R3"
    case r4 = "R4"
    case r5 = "R5"
    case r6 = "R6"
    case r7 = "R7"
    case r8 = "R8"
    case r9 = "R9"
    case r10 = "R10"
    case r11 = "R11"
    case r12 = "R12"
    case r13 = "R13"
    case r14 = "R14"
    case r15 = "R15"
    case r16 = "R16"
    case r17 = "R17"
    case r18 = "R18"
}
