import Testing

@testable import Engine

/// Seeded random texts: print and parse are inverse, and scanner and parser accept the same set.
@Suite struct JSONFuzzTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func roundTrips(_ seed: UInt64) throws {
        var random = JSONSeededGenerator(seed: seed)
        for round in 0..<400 {
            let tree = JSON.random(depth: 4, &random)
            let text = compactJSON(tree)
            guard try parseJSON(text).get() == tree, compactJSON(try parseJSON(text).get()) == text,
                scanJSON(text) == .success(tree.kind)
            else {
                Issue.record("seed \(seed), round \(round): \(tree)")
                return
            }
            var pretty = JSONWriter(.pretty)
            pretty.value(tree)
            if try parseJSON(pretty.bytes).get() != tree {
                Issue.record("seed \(seed), round \(round), pretty: \(tree)")
            }
        }
    }

    @Test(arguments: [11, 12, 13, 14] as [UInt64])
    func scannerAndParserAgreeOnMutations(_ seed: UInt64) {
        var random = JSONSeededGenerator(seed: seed)
        let alphabet = Array("{}[]:,\"\\/ue0123456789.-+Etfalsrn \n\u{0}é".utf8) + [0x80, 0xC3, 0xE2, 0xF0, 0xFF, 0xED]
        var accepted = 0
        var rejected = 0
        for round in 0..<6000 {
            var text = compactJSON(.random(depth: 2, &random))
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                mutate(&text, alphabet, &random)
            }
            switch (scanJSON(text), parseJSON(text)) {
            case (.success(let kind), .success(let tree)):
                accepted += 1
                if kind != tree.kind { Issue.record("seed \(seed), round \(round): \(text)") }
            case (.failure(let scanned), .failure(let parsed)):
                rejected += 1
                if scanned != parsed { Issue.record("seed \(seed), round \(round): \(scanned), \(parsed): \(text)") }
            case (let scanned, let parsed):
                Issue.record("seed \(seed), round \(round): \(scanned), \(parsed): \(text)")
            }
        }
        // The texts are of both kinds, else the test shows nothing.
        #expect(accepted > 1000 && rejected > 1000, "seed \(seed): \(accepted) accepted, \(rejected) rejected")
    }

    private func mutate(_ text: inout [UInt8], _ alphabet: [UInt8], _ random: inout JSONSeededGenerator) {
        let place = Int.random(in: 0...text.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text.insert(random.pick(alphabet), at: place)
        case 1 where place < text.count: text.remove(at: place)
        case 2 where place < text.count: text[place] = random.pick(alphabet)
        case 3: text.removeSubrange(place...)
        default: break
        }
    }

    @Test func allShortTextsOverTheGrammarsAlphabet() {
        let alphabet = Array("{}[]:,\"\\1-".utf8)
        var valid = 0
        for length in 0...5 {
            var digits = [Int](repeating: 0, count: length)
            repeat {
                let text = digits.map { alphabet[$0] }
                let (scanned, parsed) = (scanJSON(text), parseJSON(text))
                if scanned.error != parsed.error { Issue.record("\(text)") }
                if scanned.error == nil { valid += 1 }
            } while advance(&digits, base: alphabet.count)
        }
        #expect(valid > 100)
    }

    private func advance(_ digits: inout [Int], base: Int) -> Bool {
        for index in digits.indices {
            digits[index] += 1
            if digits[index] < base { return true }
            digits[index] = 0
        }
        return false
    }
}
