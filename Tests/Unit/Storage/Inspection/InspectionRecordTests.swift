import Testing

@testable import Storage
@testable import StorageTesting

/// Records, the history of a key, and its value at a moment.
@Suite struct InspectionRecordTests {
    private static let rows = SimulatedStore.rows
    private static let other = SimulatedStore.other

    /// LSN 1 to 9: puts, a delete, a trim, a note, two transactions with origins. One batch per commit.
    private static func sample() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        let commits: [(inout Transaction) -> Void] = [
            { $0.put(rows, key: bytes("a"), value: bytes("1")) },  // 1
            {
                $0.put(rows, key: bytes("b"), value: bytes("1"))  // 2
                $0.setOrigin("worker/f")
                $0.put(rows, key: bytes("a"), value: bytes("2"))  // 3
                $0.delete(rows, key: bytes("b"))  // 4
            },
            { $0.put(other, key: bytes("a"), value: bytes("other")) },  // 5
            { $0.note(bytes("remark")) },  // 6
            { $0.trim(rows, from: bytes("a"), upTo: bytes("b")) },  // 7
            { $0.put(rows, key: bytes("c"), value: Bytes(repeating: 0x78, count: 1000)) },  // 8
            { $0.put(rows, key: bytes("a"), value: bytes("3")) },  // 9
        ]
        for commit in commits {
            _ = try store.log.commit { commit(&$0) }
            guard case .wrote = store.log.writeStep() else { throw StorageError(.durabilityLost, "no write") }
        }
        return disk.copy()
    }

    private static func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

    private func describe(_ record: RecordFacts) -> String {
        let text = { (bytes: Bytes) in String(decoding: bytes, as: UTF8.self) }
        let what =
            switch record.change {
            case .put(let table, let key, let value): "put \(table.rawValue) \(text(key))=\(text(value.bytes))"
            case .delete(let table, let key): "delete \(table.rawValue) \(text(key))"
            case .trim(let table, let from, let upTo): "trim \(table.rawValue) \(text(from))..<\(text(upTo))"
            case .note(let note): "note \(text(note.bytes))"
            case .other(let kind): "kind \(kind)"
            }
        return "\(record.lsn) \(what)"
    }

    private func found(_ change: (inout RecordFilter) -> Void) throws -> [String] {
        var filter = RecordFilter()
        change(&filter)
        return try Inspected.records(try Self.sample(), filter).map(describe)
    }

    @Test func everyRecordIsThereInOrder() throws {
        var filter = RecordFilter()
        filter.valueLimit = 3
        let records = try Inspected.records(try Self.sample(), filter)
        #expect(
            records.map(describe) == [
                "1 put 1 a=1", "2 put 1 b=1", "3 put 1 a=2", "4 delete 1 b", "5 put 2 a=oth", "6 note rem",
                "7 trim 1 a..<b", "8 put 1 c=xxx", "9 put 1 a=3",
            ]
        )
        #expect(records.map(\.transaction.rawValue) == [1, 2, 2, 2, 5, 6, 7, 8, 9])
        let origins = records.map { $0.origin.map { String(decoding: $0, as: UTF8.self) } }
        #expect(origins == [nil, nil, "worker/f", "worker/f", nil, nil, nil, nil, nil])
        #expect(Set(records.map(\.batch)).count == 7 && records.allSatisfy { $0.committedAt > 0 })
        guard case .put(_, _, let value) = records[7].change else { throw StorageError(.damaged, "no put") }
        #expect(value.count == 1000 && !value.isWhole)
    }

    /// Also in one batch: an origin ends with its transaction, even before a kind that readers skip.
    @Test func anOriginEndsWithItsTransaction() throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for origin in ["first", nil, "third"] {
            _ = try store.log.commit { transaction in
                if let origin { transaction.setOrigin(origin) }
                transaction.put(Self.rows, key: [1], value: [1])
                transaction.note([2])
            }
        }
        guard case .wrote = store.log.writeStep() else { throw StorageError(.durabilityLost, "no write") }
        let records = try Inspected.records(disk.copy())
        #expect(Set(records.map(\.batch)).count == 1)
        let origins = records.map { $0.origin.map { String(decoding: $0, as: UTF8.self) } ?? "-" }
        #expect(origins == ["first", "first", "-", "-", "third", "third"])
    }

    @Test func filters() throws {
        #expect(
            try found { $0.from = LSN(rawValue: 8) } == [
                "8 put 1 c=\(String(repeating: "x", count: 1000))", "9 put 1 a=3",
            ]
        )
        #expect(try found { $0.to = LSN(rawValue: 2) } == ["1 put 1 a=1", "2 put 1 b=1"])
        #expect(try found { ($0.from, $0.to) = (LSN(rawValue: 4), LSN(rawValue: 4)) } == ["4 delete 1 b"])
        #expect(try found { $0.kinds = [.note, .trim] } == ["6 note remark", "7 trim 1 a..<b"])
        #expect(try found { $0.table = Self.other } == ["5 put 2 a=other"])
        #expect(try found { $0.key = Self.bytes("b") } == ["2 put 1 b=1", "4 delete 1 b"], "the trim ends before it")
    }

    @Test func theHistoryOfAKeyCountsTrimsThatCoverIt() throws {
        let history = try found { ($0.key, $0.table) = (Self.bytes("a"), Self.rows) }
        #expect(history == ["1 put 1 a=1", "3 put 1 a=2", "7 trim 1 a..<b", "9 put 1 a=3"])
    }

    private func value(
        _ key: String,
        _ position: LogPosition,
        _ disk: SimulatedDisk,
        start: LogStart = .beginning
    ) throws -> String {
        let walk = Inspected.walk(disk, start: start)
        let (found, _) = try walk.value(of: Self.bytes(key), in: Self.rows, at: position)
        switch found.answer {
        case .value(let record): return "\(found.lsn): \(describe(record))"
        case .absent(let record): return "\(found.lsn): absent, \(record.map(describe) ?? "never set")"
        case .snapshot(let row): return "\(found.lsn): snapshot \(row == nil ? "absent" : "row")"
        case .unknown(.beforeRetention): return "unknown before LSN \(found.retainedFrom)"
        case .unknown(.gap(let gap)): return "unknown after LSN \(gap.firstLSN?.description ?? "?")"
        case .unknown(.beyondEnd): return "beyond LSN \(found.lsn)"
        }
    }

    /// The value at every LSN equals a replay up to there.
    @Test func theValueAtEveryPosition() throws {
        let disk = try Self.sample()
        let expected = [
            "0: absent, never set", "1: 1 put 1 a=1", "2: 1 put 1 a=1", "3: 3 put 1 a=2", "4: 3 put 1 a=2",
            "5: 3 put 1 a=2", "6: 3 put 1 a=2", "7: absent, 7 trim 1 a..<b", "8: absent, 7 trim 1 a..<b",
            "9: 9 put 1 a=3",
        ]
        for (lsn, text) in expected.enumerated() {
            #expect(try value("a", .lsn(LSN(rawValue: UInt64(lsn))), disk) == text)
        }
        #expect(try value("a", .end, disk) == "9: 9 put 1 a=3")
        #expect(try value("z", .end, disk) == "9: absent, never set")
        #expect(try value("a", .lsn(LSN(rawValue: 10)), disk) == "beyond LSN 9")
    }

    /// A time means: before the first batch that was committed later.
    @Test func theValueAtATime() throws {
        let disk = try Self.sample()
        let times = try Inspected.records(disk).map(\.committedAt)
        for (index, time) in times.enumerated() {
            let last = try #require(times.lastIndex(of: time)) + 1
            let at = try value("a", .time(time), disk)
            #expect(at.hasPrefix("\(last):"), "record \(index + 1)")
        }
        #expect(try value("a", .time(times[0] - 1), disk) == "0: absent, never set")
        #expect(try value("a", .time(.max), disk) == "9: 9 put 1 a=3")
    }

    @Test func aGapMakesTheAnswerUnknownUntilALaterChange() throws {
        let disk = try Self.sample()
        let batch = try #require(try Inspected(disk).batches.first { $0.lastLSN == LSN(rawValue: 5) })
        disk.flip(SimulatedStore.path(batch.segment), bit: Int(batch.offset + 90) * 8)
        #expect(try value("a", .lsn(LSN(rawValue: 4)), disk) == "4: 3 put 1 a=2", "before the gap all is certain")
        for lsn in 5...6 as ClosedRange<UInt64> {
            #expect(try value("a", .lsn(LSN(rawValue: lsn)), disk) == "unknown after LSN 5")
        }
        #expect(try value("a", .lsn(LSN(rawValue: 7)), disk) == "7: absent, 7 trim 1 a..<b")
        #expect(try value("a", .end, disk) == "9: 9 put 1 a=3")
        #expect(try value("c", .lsn(LSN(rawValue: 7)), disk) == "unknown after LSN 5")
    }

    @Test func beforeWhatIsRetainedTheLogCannotTell() throws {
        let disk = try Self.sample()
        disk.remove(SimulatedStore.path(1))
        let first = try Inspected(disk, start: .anywhere).report.retainedFrom
        #expect(first > LSN(rawValue: 1) && first < LSN(rawValue: 9))
        #expect(try value("z", .end, disk, start: .anywhere) == "unknown before LSN \(first)")
        #expect(try value("a", .lsn(LSN(rawValue: 1)), disk, start: .anywhere) == "unknown before LSN \(first)")
        #expect(try value("a", .end, disk, start: .anywhere) == "9: 9 put 1 a=3")
    }
}
