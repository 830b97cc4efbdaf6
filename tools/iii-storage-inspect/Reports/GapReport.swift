import Storage

/// What is missing, in words and as JSON.
enum GapReport {
    /// `lost: LSN 2 to 3 (batch 2): payload checksum does not match [segment 1, offset 8192 to 12288]`
    static func phrase(_ gap: LogGap) -> String {
        let batches = Amounts.range(gap.firstBatch, gap.lastBatch)
        let records =
            gap.losesNothing ? "no records" : "LSN \(Amounts.range(gap.firstLSN?.rawValue, gap.lastLSN?.rawValue))"
        var text = "lost: \(records) (batch \(batches)): \(gap.found) [\(place(gap))]"
        if gap.losesNothing, let first = gap.firstBatch, let last = gap.lastBatch, last < first {
            text = "lost: nothing: \(gap.found) [\(place(gap))]"
        }
        return text
    }

    private static func place(_ gap: LogGap) -> String {
        guard let offset = gap.offset else { return "segment \(gap.segment)" }
        return "segment \(gap.segment), offset \(Amounts.range(offset, gap.endOffset))"
    }

    /// Keys of a damaged batch that can still be read.
    static func mentions(_ gap: LogGap, _ naming: RowNaming) -> [String] {
        gap.mentions.map { mention in
            guard let upTo = mention.upTo else { return naming.text(mention.table, mention.key) }
            return "trim of \(RowNaming.range(mention.table, mention.key, upTo))"
        }
    }

    /// The rows that are mentioned.
    static func rows(_ gaps: [LogGap]) -> [RowID] {
        gaps.flatMap { gap in
            gap.mentions.filter { $0.upTo == nil }.map { RowID(table: $0.table, key: $0.key) }
        }
    }

    /// - Parameter naming: nil: rows by table and key only.
    static func json(_ gap: LogGap, _ naming: RowNaming?) -> JSON {
        let mentions = gap.mentions.map { mention in
            JSON.object([("table", .number(UInt64(mention.table.rawValue)))])
                .adding(ByteText.members("key", mention.key, isRaw: false))
                .adding(mention.upTo.map { ByteText.members("upTo", $0, isRaw: false) } ?? [])
                .adding(naming.map { [$0.member(mention.table, mention.key)] } ?? [])
        }
        return [
            "type": "gap", "cause": .string(gap.cause.rawValue), "found": .string(gap.found),
            "segment": .number(gap.segment), "offset": JSON(gap.offset), "endOffset": JSON(gap.endOffset),
            "firstBatch": JSON(gap.firstBatch), "lastBatch": JSON(gap.lastBatch),
            "firstLSN": JSON(gap.firstLSN?.rawValue), "lastLSN": JSON(gap.lastLSN?.rawValue),
            "losesRecords": .bool(!gap.losesNothing), "keys": .array(mentions),
        ]
    }
}

extension GapReport {
    static func json(_ gap: LogGap) -> JSON { json(gap, nil) }
}

/// How the log ends, in words and as JSON.
enum TailReport {
    static func phrase(_ tail: LogTail) -> String {
        let beyond =
            switch tail.content {
            case .empty: "nothing beyond"
            case .leftovers: "beyond it leftovers of the file's earlier use"
            case .torn: "beyond it \(Amounts.bytes(tail.usedBytes - tail.offset)) of a write that was cut short"
            case .inProgress: "beyond it a write in progress"
            }
        return "end of the log: segment \(tail.segment), offset \(tail.offset) (\(tail.row.rawValue)), \(beyond)"
    }

    static func json(_ tail: LogTail) -> JSON {
        [
            "type": "tail", "segment": .number(tail.segment), "offset": .number(tail.offset),
            "row": .string(tail.row.rawValue), "beyond": .string(tail.content.rawValue),
            "usedBytes": .number(tail.usedBytes), "found": .string(tail.found),
        ]
    }
}

/// What recovery refuses with, in words and as JSON.
enum ProblemReport {
    static func phrase(_ problem: StorageError) -> String {
        "\(problem.row?.rawValue ?? problem.code.description) \(place(problem)): \(problem.message)"
    }

    private static func place(_ problem: StorageError) -> String {
        // Segment 0 stands for a file that is none.
        let segment = problem.segment.flatMap { $0 > 0 ? $0 : nil }
        let parts = [
            segment.map { "segment \($0)" }, segment.flatMap { _ in problem.offset }.map { "offset \($0)" },
            problem.batch.map { "batch \($0)" },
        ]
        let place = parts.compactMap { $0 }.joined(separator: ", ")
        return place.isEmpty ? problem.path ?? "store" : place
    }

    static func json(_ problem: StorageError) -> JSON {
        [
            "row": JSON(problem.row?.rawValue), "code": .string(problem.code.description),
            "message": .string(problem.message), "path": JSON(problem.path), "segment": JSON(problem.segment),
            "offset": JSON(problem.offset), "batch": JSON(problem.batch),
        ]
    }
}
