import Storage

/// One batch as a row and as JSON.
enum BatchReport {
    static let columns: [Table.Column] = [
        .right("BATCH"), .right("SEGMENT"), .right("OFFSET"), .right("FIRST LSN"), .right("RECORDS"), .right("STORED"),
        .right("RAW"), .left("STORED AS"), .right("DURABLE"), .left("COMMITTED"), .left("FLAGS"), .left("VERDICT"),
    ]

    static func row(_ batch: BatchFacts) -> [String] {
        [
            String(batch.number), String(batch.segment), String(batch.offset), batch.firstLSN.description,
            String(batch.recordCount), String(batch.storedBytes), String(batch.rawBytes), storedAs(batch),
            String(batch.durableThrough), Timestamp(nanoseconds: batch.committedAt).short,
            flags(batch.flags).joined(separator: "+"), words(batch.verdict),
        ]
    }

    private static func storedAs(_ batch: BatchFacts) -> String {
        batch.isEncrypted ? compression(batch.compression) + ", encrypted" : compression(batch.compression)
    }

    private static func compression(_ compression: BatchFacts.Compression) -> String {
        switch compression {
        case .none: "plain"
        case .lz4: "lz4"
        case .unknown(let code): "unknown (\(code))"
        }
    }

    private static func flags(_ flags: BatchFacts.Flags) -> [String] {
        let names = [
            flags.isSeal ? "seal" : nil, flags.isLastInSegment ? "last" : nil, flags.isCleanShutdown ? "clean" : nil,
        ]
        return names.compactMap { $0 }
    }

    private static func words(_ verdict: BatchVerdict) -> String {
        switch verdict {
        case .sound: "sound"
        case .numberGap: "number gap"
        case .chainMismatch: "chain mismatch"
        case .lsnMismatch: "LSN mismatch"
        case .misplaced: "misplaced"
        case .payloadDamaged(let reason): "payload damaged: \(reason)"
        case .malformed(let what): "malformed: \(what)"
        case .needsVersion(let what): "needs version: \(what)"
        case .unsynced: "unsynced"
        }
    }

    private static func name(_ verdict: BatchVerdict) -> (String, String?) {
        switch verdict {
        case .sound: ("sound", nil)
        case .numberGap: ("numberGap", nil)
        case .chainMismatch: ("chainMismatch", nil)
        case .lsnMismatch: ("lsnMismatch", nil)
        case .misplaced: ("misplaced", nil)
        case .payloadDamaged(let reason): ("payloadDamaged", reason)
        case .malformed(let what): ("malformed", what)
        case .needsVersion(let what): ("needsVersion", what)
        case .unsynced: ("unsynced", nil)
        }
    }

    static func json(_ batch: BatchFacts) -> JSON {
        let (verdict, reason) = name(batch.verdict)
        return [
            "type": "batch", "batch": .number(batch.number), "segment": .number(batch.segment),
            "offset": .number(batch.offset), "paddedBytes": .number(batch.paddedBytes),
            "firstLSN": .number(batch.firstLSN.rawValue), "lastLSN": JSON(batch.lastLSN?.rawValue),
            "records": .number(UInt64(batch.recordCount)), "storedBytes": .number(UInt64(batch.storedBytes)),
            "rawBytes": .number(UInt64(batch.rawBytes)), "compression": .string(compression(batch.compression)),
            "encrypted": .bool(batch.isEncrypted), "flags": .array(flags(batch.flags).map(JSON.string)),
            "durableThrough": .number(batch.durableThrough),
            "committedAt": .string(Timestamp(nanoseconds: batch.committedAt).precise),
            "verdict": .string(verdict), "reason": JSON(reason),
        ]
    }
}
