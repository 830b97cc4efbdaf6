import Storage
import Testing

@testable import StorageDrill

@Suite struct WorkloadTests {
    @Test func aTransactionIsAFunctionOfSeedAndNumber() {
        let workload = Workload(seed: 9)
        var seen: Set<String> = []
        var largest = 0
        for number in 1...UInt64(3_000) {
            let operations = workload.operations(of: number)
            #expect(operations == Workload(seed: 9).operations(of: number))
            #expect(operations.count <= Workload.maximumOperations)
            for operation in operations {
                seen.insert(String("\(operation)".prefix { $0 != "(" }))
                if case .put(_, _, let value) = operation { largest = max(largest, value.byteCount) }
            }
        }
        #expect(seen == ["put", "delete", "trim", "note"])
        #expect(largest > 1 << 20 && largest <= Workload.largestValueBytes)
        #expect(workload.operations(of: 5) != Workload(seed: 10).operations(of: 5))
    }

    @Test func valuesAreTheSameBytesEveryTime() {
        for byteCount in 0...200 {
            for seed in [UInt64(4), 5] {
                let value = ValueSeed(seed: seed, byteCount: byteCount)
                #expect(value.bytes.count == byteCount && value.bytes == value.bytes)
            }
        }
        let repeated = ValueSeed(seed: 4, byteCount: 1_000).bytes
        #expect(zip(repeated, repeated.dropFirst(40)).allSatisfy { $0 == $1 })
        let unique = ValueSeed(seed: 5, byteCount: 1_000).bytes
        #expect(Set(unique).count > 100)
    }

    @Test func keysSortByNumber() {
        let keys = (0..<Workload.keysPerTable + 20).map(Workload.key)
        #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test func modelsCanBeAskedInAnyOrder() {
        let workload = Workload(seed: 2)
        let series = ModelSeries(workload)
        for count in [700, 3, 699, 0, 256, 255, 257, 512, 1_000, 513] as [UInt64] {
            #expect(series.model(after: count) == ModelSeries(workload).model(after: count))
            #expect(series.model(after: count).count == count)
        }
    }

    /// A store after some transactions, checked.
    private static func store(_ directory: TemporaryDirectory, transactions: Int, seed: UInt64 = 6) throws -> String {
        let path = directory.path + "/store"
        let store = try Store.open(path: path, options: StoreShape().options)
        for _ in 0..<transactions { _ = try Workload(seed: seed).commitNext(store) }
        try store.close()
        return path
    }

    @Test func aSoundStoreIsFoundSound() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.store(directory, transactions: 60)
        let checker = Checker(workload: Workload(seed: 6))
        let verdict = checker.check(path: path, acknowledged: 60, begun: 60)
        #expect(verdict == Verdict(found: 60))
        // The check adds one.
        #expect(checker.check(path: path, acknowledged: 61, begun: 61) == Verdict(found: 61))
    }

    @Test func anEmptyDirectoryIsAStoreWithNothing() throws {
        let directory = try TemporaryDirectory()
        let checker = Checker(workload: Workload(seed: 6))
        #expect(checker.check(path: directory.path + "/none", acknowledged: 0) == Verdict(found: 0))
    }

    @Test func whatIsMissingIsLost() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.store(directory, transactions: 20)
        let verdict = Checker(workload: Workload(seed: 6)).check(path: path, acknowledged: 23)
        #expect(verdict.lost == 3 && verdict.problem?.contains("I1") == true)
    }

    @Test func whatNobodyBeganIsWrong() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.store(directory, transactions: 20)
        let verdict = Checker(workload: Workload(seed: 6)).check(path: path, acknowledged: 10, begun: 19)
        #expect(verdict.lost == 0 && verdict.problem != nil)
    }

    @Test(arguments: ["change", "remove", "add", "addTable"]) func anyRowThatDiffersIsFound(how: String) throws {
        let directory = try TemporaryDirectory()
        let path = try Self.store(directory, transactions: 40)
        let store = try Store.open(path: path, options: StoreShape().options)
        let row = try #require(ModelSeries(Workload(seed: 6)).model(after: 40).rows[1].firstIndex { $0 != nil })
        try waitUntilDurable(
            store.commit { transaction in
                switch how {
                case "change": transaction.put(Workload.table(1), key: Workload.key(row), value: [1])
                case "remove": transaction.delete(Workload.table(1), key: Workload.key(row))
                case "add": transaction.put(Workload.table(1), key: [0xFF], value: [1])
                default: transaction.put(Workload.table(Workload.tables), key: [1], value: [1])
                }
            }
        )
        try store.close()
        let verdict = Checker(workload: Workload(seed: 6)).check(path: path, acknowledged: 40)
        #expect(verdict.found == 40 && verdict.problem?.contains("I2") == true, "\(verdict)")
    }

    @Test func aRefusalIsAFailure() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.store(directory, transactions: 5)
        try TemporaryDirectory.write([1, 2, 3], to: path + "/FORMAT")
        let verdict = Checker(workload: Workload(seed: 6)).check(path: path, acknowledged: 5)
        #expect(verdict.found == nil && verdict.problem?.hasPrefix("refused") == true)
    }
}
