import Storage

/// One segment as a row and as JSON.
enum SegmentReport {
    static let columns: [Table.Column] = [
        .right("SEGMENT"), .right("BYTES"), .right("USED"), .right("BATCHES"), .right("RECORDS"), .right("FIRST LSN"),
        .right("LAST LSN"), .left("FIRST COMMIT"), .left("STATE"),
    ]

    static func row(_ segment: SegmentFacts) -> [String] {
        let content = segment.content
        return [
            String(segment.number), String(segment.bytes), String(content.usedBytes), String(content.batches),
            String(content.records), Amounts.cell(content.firstLSN), Amounts.cell(content.lastLSN),
            content.firstCommit.map { Timestamp(nanoseconds: $0).short } ?? "-",
            state(segment.standing) + encryption(segment.header),
        ]
    }

    private static func encryption(_ header: SegmentFacts.Header?) -> String {
        header?.keyID.map { " (encrypted with key \($0))" } ?? ""
    }

    private static func state(_ standing: SegmentFacts.Standing) -> String {
        switch standing {
        case .log: "in use"
        case .damagedHeader(let reason): "damaged header: \(reason)"
        case .unused(let reason): "never began: \(reason)"
        case .foreign(let reason): "foreign: \(reason)"
        case .needsVersion(let what): "newer format: \(what)"
        case .unreadable(let reason): "unreadable: \(reason)"
        }
    }

    static func json(_ segment: SegmentFacts) -> JSON {
        let (name, reason) = standing(segment.standing)
        let file: JSON = [
            "segment": .number(segment.number), "path": .string(segment.path), "bytes": .number(segment.bytes),
            "state": .string(name), "reason": JSON(reason), "header": segment.header.map(json) ?? .null,
            "usedBytes": .number(segment.content.usedBytes),
        ]
        return file.adding(ContentReport.members(segment.content))
    }

    private static func standing(_ standing: SegmentFacts.Standing) -> (String, String?) {
        switch standing {
        case .log: ("log", nil)
        case .damagedHeader(let reason): ("damagedHeader", reason)
        case .unused(let reason): ("unused", reason)
        case .foreign(let reason): ("foreign", reason)
        case .needsVersion(let what): ("needsVersion", what)
        case .unreadable(let reason): ("unreadable", reason)
        }
    }

    private static func json(_ header: SegmentFacts.Header) -> JSON {
        [
            "formatMajor": .number(UInt64(header.formatMajor)), "formatMinor": .number(UInt64(header.formatMinor)),
            "storeID": .string(header.storeID), "segment": .number(header.number),
            "epoch": .string(ByteText.hexadecimal(withUnsafeBytes(of: header.epoch.bigEndian) { Bytes($0) })),
            "firstBatch": .number(header.firstBatch), "firstLSN": .number(header.firstLSN.rawValue),
            "preparedBytes": .number(header.preparedBytes), "predecessor": .number(header.predecessor),
            "predecessorLastBatch": .number(header.predecessorLastBatch),
            "predecessorEndOffset": .number(header.predecessorEndOffset),
            "requiredFeatures": .number(UInt64(header.requiredFeatures)),
            "ignorableFeatures": .number(UInt64(header.ignorableFeatures)),
            "keyID": JSON(header.keyID.map { "\($0)" }),
            "createdAt": .string(Timestamp(nanoseconds: header.createdAt).precise),
        ]
    }
}

/// Totals over batches.
enum ContentReport {
    static func members(_ content: SegmentFacts.Content) -> [(String, JSON)] {
        [
            ("batches", .number(content.batches)), ("records", .number(content.records)),
            ("firstBatch", JSON(content.firstBatch)), ("lastBatch", JSON(content.lastBatch)),
            ("firstLSN", JSON(content.firstLSN?.rawValue)), ("lastLSN", JSON(content.lastLSN?.rawValue)),
            ("firstCommit", JSON(content.firstCommit.map { Timestamp(nanoseconds: $0).precise })),
            ("lastCommit", JSON(content.lastCommit.map { Timestamp(nanoseconds: $0).precise })),
            ("storedBytes", .number(content.storedBytes)), ("rawBytes", .number(content.rawBytes)),
        ]
    }
}
