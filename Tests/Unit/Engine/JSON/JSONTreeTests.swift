import Glibc
import Testing

@testable import Engine

@Suite struct JSONTreeTests {
    @Test func lastDuplicateWinsAtTheFirstPosition() throws {
        let tree = try JSON.parse(#"{"a":1,"b":2,"\u0061":3,"b":4}"#)
        #expect(tree.description == #"{"a":3,"b":4}"#)
    }

    @Test func literalsAndAccessors() {
        let tree: JSON = ["n": .null, "b": true, "i": -5, "f": 1.5, "s": "x\(1)", "a": [1, "2"], "o": ["k": [:]]]
        #expect(tree.description == #"{"n":null,"b":true,"i":-5,"f":1.5,"s":"x1","a":[1,"2"],"o":{"k":{}}}"#)
        #expect(tree["n"]?.isNull == true)
        #expect(tree["b"]?.bool == true)
        #expect(tree["i"]?.int == -5)
        #expect(tree["i"]?.uint64 == nil)
        #expect(tree["f"]?.double == 1.5)
        #expect(tree["f"]?.int64 == nil)
        #expect(tree["s"]?.string == "x1")
        #expect(tree["a"]?[1]?.string == "2")
        #expect(tree["a"]?[2] == nil)
        #expect(tree["a"]?["k"] == nil)
        #expect(tree["o"]?["k"]?.object?.isEmpty == true)
        #expect(tree["s"]?[0] == nil)
        #expect(tree["absent"] == nil)
        #expect(
            tree["s"]?.array == nil && tree["s"]?.object == nil && tree["s"]?.number == nil && tree["s"]?.bool == nil
        )
        #expect(tree["i"]?.string == nil)
    }

    @Test func equalityIgnoresMemberOrderOnly() {
        #expect((["a": 1, "b": [1, 2]] as JSON) == ["b": [1, 2], "a": 1])
        #expect((["a": 1] as JSON) != ["a": 1, "b": 2])
        #expect((["a": 1, "b": 2] as JSON) != ["a": 1, "c": 2])
        #expect(([1, 2] as JSON) != [2, 1])
        #expect((["a": .null] as JSON) != [:])
        #expect(JSON.null != false)
        #expect(("1" as JSON) != 1)
    }

    /// Every sequence of four operations on three keys, and long ones around the size where an index appears, against a
    /// plain list.
    @Test func objectBehavesAsAList() {
        let keys = ["a", "b", "c"]
        for sequence in 0..<(6 * 6 * 6 * 6) {
            var rest = sequence
            var object = JSONObject()
            var model: [(key: String, value: Int)] = []
            for step in 0..<4 {
                apply(rest % 6 < 3, keys[rest % 3], step, &object, &model)
                rest /= 6
            }
            check(object, model, keys)
        }
    }

    @Test(arguments: [21, 22, 23, 24, 25, 26] as [UInt64])
    func bigObjectBehavesAsAList(_ seed: UInt64) {
        var random = JSONSeededGenerator(seed: seed)
        let keys = (0..<40).map { "key\($0)" }
        var object = JSONObject()
        var model: [(key: String, value: Int)] = []
        for step in 0..<400 {
            // Grows to about thirty members, shrinks, grows again: crosses the index's threshold both ways.
            let isSet = Int.random(in: 0..<10, using: &random) < (step / 100 % 2 == 0 ? 8 : 3)
            apply(isSet, random.pick(keys), step, &object, &model)
            if step % 10 == 0 { check(object, model, keys) }
        }
        check(object, model, keys)
    }

    /// Removals from the front, from the middle and at the end leave gaps, which are closed in between.
    @Test func objectWithGapsBehavesAsAList() {
        let keys = (0..<500).map { "key\($0)" }
        var random = JSONSeededGenerator(seed: 27)
        for order in [keys, keys.reversed(), keys.shuffled(using: &random)] {
            var object = JSONObject()
            var model: [(key: String, value: Int)] = []
            for (step, key) in keys.enumerated() { apply(true, key, step, &object, &model) }
            for (step, key) in order.enumerated() {
                apply(false, key, step, &object, &model)
                if step % 7 == 0 { apply(true, order[0], step, &object, &model) }
                if step % 50 == 0 { check(object, model, keys) }
            }
            object[order[0]] = nil
            #expect(object.isEmpty && object.description == "{}")
        }
    }

    /// 200,000 members, removed from the front: with a linear removal this takes minutes.
    @Test func removalDoesNotGrowWithTheObject() {
        var object = JSONObject()
        for number in 0..<200_000 { object.set("\(number)", JSON(number)) }
        for number in 0..<199_999 { object.remove("\(number)") }
        #expect(object == ["199999": 199_999])
    }

    private func apply(
        _ isSet: Bool,
        _ key: String,
        _ value: Int,
        _ object: inout JSONObject,
        _ model: inout [(key: String, value: Int)]
    ) {
        let position = model.firstIndex { $0.key == key }
        if !isSet {
            object[key] = nil
            if let position { model.remove(at: position) }
        } else if let position {
            object.update(key) { $0 = JSON(value) }
            model[position].value = value
        } else {
            object[key] = JSON(value)
            model.append((key, value))
        }
    }

    private func check(_ object: JSONObject, _ model: [(key: String, value: Int)], _ keys: [String]) {
        let isSame = object.map(\.key) == model.map(\.key) && object.map { $0.value.int } == model.map(\.value)
        let finds = keys.allSatisfy { key in object[key]?.int == model.first { $0.key == key }?.value }
        if !isSame || !finds || object.count != model.count { Issue.record("\(object), expected \(model)") }
    }

    @Test func updateInPlace() {
        var object: JSONObject = ["a": 1]
        #expect(object.update("a") { $0 } == 1)
        #expect(object == ["a": 1])
        object.update("a") { $0 = nil }
        object.update("b") { $0 = 2 }
        object.update("c") { _ in }
        #expect(object == ["b": 2])
        // What throws keeps what it has left.
        #expect(throws: JSONError.self) {
            try object.update("b") { value throws(JSONError) in
                value = 3
                throw JSONError(.endOfText, at: 0)
            }
        }
        #expect(object == ["b": 3])
    }

    @Test func copiesAreIndependent() {
        var first: JSONObject = ["a": [1]]
        let second = first
        first.update("a") { $0 = .array(($0?.array ?? []) + [2]) }
        #expect(first["a"] == [1, 2])
        #expect(second["a"] == [1])
    }

    @Test func storedTextsMayBeDeeper() throws {
        let depth = JSONLimits.maximumStoredDepth
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(throws: JSONError(.tooDeep, at: JSONLimits.maximumDepth)) { try JSON.parse(text) }
        #expect(try JSON.parse(text, maximumDepth: depth).description == text)
        #expect(throws: JSONError(.tooDeep, at: depth)) { try JSON.parse("[\(text)]", maximumDepth: depth) }
    }

    /// Event loops and storage threads have small stacks; this runs in debug builds, whose frames are greatest.
    @Test func deepestTextFitsASmallStack() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let started = pthread_create(
            &thread,
            &attributes,
            { _ in
                let depth = JSONLimits.maximumStoredDepth
                let text = String(repeating: "{\"k\":[", count: depth / 2) + String(repeating: "]}", count: depth / 2)
                let tree = try? JSON.parse(text, maximumDepth: depth)
                let isSame = tree.map { $0 == (try? JSON.parse(text, maximumDepth: depth)) && $0.description == text }
                return isSame == true ? UnsafeMutableRawPointer(bitPattern: 1) : nil
            },
            nil
        )
        #expect(started == 0)
        var result: UnsafeMutableRawPointer?
        pthread_join(thread, &result)
        #expect(result == UnsafeMutableRawPointer(bitPattern: 1))
    }
}
