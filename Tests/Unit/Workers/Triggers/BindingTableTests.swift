import Testing

@testable import Engine
@testable import Workers

@Suite struct BindingTableTests {
    private func bindings(_ table: BindingTable<Int, String>, of key: Int) -> [String] {
        var found: [String] = []
        table.forEach(of: key) { found.append($0) }
        return found
    }

    @Test func keepsTheOrderOfRegistrationByKey() {
        var table = BindingTable<Int, String>()
        for (id, key) in [("a", 1), ("b", 2), ("c", 1), ("d", 1)] { table.insert(id, id: Name(id), key: key) }
        #expect(bindings(table, of: 1) == ["a", "c", "d"])
        #expect(bindings(table, of: 2) == ["b"])
        #expect(bindings(table, of: 3) == [])
        let removed = table.remove("c")
        #expect(removed?.binding == "c")
        #expect(removed?.key == 1)
        table.insert("c", id: "c", key: 1)
        #expect(bindings(table, of: 1) == ["a", "d", "c"])
        #expect(table.remove("unknown") == nil)
    }

    @Test func aKeyGoesWithItsLastBinding() {
        var table = BindingTable<Int, String>()
        table.insert("a", id: "a", key: 1)
        #expect(table.hasBindings(of: 1))
        _ = table.remove("a")
        #expect(!table.hasBindings(of: 1))
        #expect(table.isEmpty)
    }

    /// Random inserts and removals against a plain array.
    @Test(arguments: 0..<20)
    func againstAModel(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = BindingTable<Int, String>()
        var model: [(id: String, key: Int)] = []
        for step in 0..<500 {
            if !model.isEmpty, Int.random(in: 0..<100, using: &random) < 48 {
                let (id, key) = model.remove(at: Int.random(in: model.indices, using: &random))
                #expect(table.remove(Name(id))?.key == key, "seed \(seed)")
            } else {
                let key = Int.random(in: 0..<3, using: &random)
                model.append(("\(step)", key))
                table.insert("\(step)", id: Name("\(step)"), key: key)
            }
            for key in 0..<3 {
                #expect(bindings(table, of: key) == model.filter { $0.key == key }.map(\.id), "seed \(seed)")
                #expect(table.hasBindings(of: key) == model.contains { $0.key == key }, "seed \(seed)")
            }
        }
    }

    /// One list with everything a connection may register: removing each would take minutes in quadratic time.
    @Test func manyBindingsOfOneKeyGoInLinearTime() {
        var table = BindingTable<Int, String>()
        for number in 0..<65_536 { table.insert("", id: Name("\(number)"), key: 1) }
        for number in 0..<65_536 { _ = table.remove(Name("\(number)")) }
        #expect(table.isEmpty)
    }
}

@Suite struct InsertionOrderedMapTests {
    /// Random writes and removals, mostly of the first element, against a plain array.
    @Test(arguments: 0..<20)
    func againstAModel(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var map = InsertionOrderedMap<Int, Int>()
        var model: [(key: Int, value: Int)] = []
        for step in 0..<1000 {
            let key = Int.random(in: 0..<60, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                guard let first = model.first else { continue }
                model.removeFirst()
                #expect(map.removeValue(forKey: first.key) == first.value)
            case 1:
                let place = model.firstIndex { $0.key == key }
                #expect(map.removeValue(forKey: key) == place.map { model.remove(at: $0).value })
            default:
                let place = model.firstIndex { $0.key == key }
                #expect(map.updateValue(step, forKey: key) == place.map { model[$0].value })
                if let place { model[place].value = step } else { model.append((key, step)) }
            }
            #expect(map.map(\.value) == model.map(\.value), "seed \(seed)")
            #expect(map.map(\.key) == model.map(\.key), "seed \(seed)")
            #expect(map.first?.key == model.first?.key && map.count == model.count, "seed \(seed)")
            #expect(map[key] == model.first { $0.key == key }?.value, "seed \(seed)")
        }
    }

    /// A window that moves over many keys, as retention moves it: in quadratic time it would take minutes.
    @Test func theFirstOfManyGoesInConstantTime() {
        var map = InsertionOrderedMap<Int, Int>()
        for n in 0..<200_000 { map.updateValue(n, forKey: n) }
        for n in 200_000..<800_000 {
            map.updateValue(n, forKey: n)
            #expect(map.first?.key == n - 200_000)
            _ = map.removeValue(forKey: n - 200_000)
        }
        #expect(map.count == 200_000)
    }
}
