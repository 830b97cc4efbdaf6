import Testing

@testable import Engine

@Suite struct JSONNumberTests {
    @Test(arguments: [
        "0", "-0", "1", "0.10", "1e400", "-1E-400", "1.0", "1234567890123456789012345678901234567890", "1e+05",
        "9007199254740993", "0.1000000000000000055511151231257827021181583404541015625",
    ])
    func textSurvives(_ text: String) throws {
        let tree = try JSON.parse("[\(text)]")
        #expect(tree.description == "[\(text)]")
        #expect(try JSON.parse(tree.description) == tree)
        #expect(JSONNumber(text)?.text == text)
    }

    @Test(arguments: ["", " 1", "1 ", "01", "1.", "--1", "NaN", "inf", "\"1\"", "[1]", "1,2", "0x1", "+1", "é"])
    func refusesOtherTexts(_ text: String) {
        #expect(JSONNumber(text) == nil)
    }

    @Test(
        arguments: [
            ("5", true, 5, 5, 5), ("-5", true, -5, nil, -5), ("-0", false, nil, nil, -0.0), ("5.0", false, nil, nil, 5),
            ("5e0", false, nil, nil, 5), ("18446744073709551615", true, nil, .max, 18_446_744_073_709_551_615),
            ("18446744073709551616", true, nil, nil, 18_446_744_073_709_551_616), ("1e400", false, nil, nil, .infinity),
        ] as [(String, Bool, Int64?, UInt64?, Double)]
    )
    func interprets(_ text: String, _ isInteger: Bool, _ signed: Int64?, _ unsigned: UInt64?, _ double: Double) throws {
        let number = try #require(JSONNumber(text))
        #expect(number.isInteger == isInteger)
        #expect(number.int64 == signed)
        #expect(number.uint64 == unsigned)
        #expect(number.double == double)
    }

    @Test func smallerIntegerTypes() {
        #expect(JSONNumber("255")?.exactly(UInt8.self) == 255)
        #expect(JSONNumber("256")?.exactly(UInt8.self) == nil)
        #expect(JSONNumber("-128")?.exactly(Int8.self) == -128)
        #expect(JSONNumber("-129")?.exactly(Int8.self) == nil)
        for value in Int(Int8.min)...Int(UInt8.max) {
            #expect(JSONNumber(value).exactly(Int8.self) == Int8(exactly: value))
            #expect(JSONNumber(value).exactly(UInt8.self) == UInt8(exactly: value))
        }
    }

    @Test(
        arguments: [
            (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (3.5, "3.5"), (-2, "-2.0"), (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e16"), (1.5e16, "1.5e16"), (123_456_789_012_345_680, "1.2345678901234568e17"), (1e21, "1e21"),
            (0.0001, "0.0001"), (0.00001, "0.00001"), (0.000015, "0.000015"), (-0.00001, "-0.00001"),
            (0.000001, "1e-6"),
            (0.0000015, "1.5e-6"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e308"),
        ] as [(Double, String)]
    )
    func printsFloatsAsUpstreamDoes(_ value: Double, _ text: String) throws {
        let number = try #require(JSONNumber(value))
        #expect(number.text == text)
        #expect(JSONNumber(number.text) != nil)
        #expect(number.double.bitPattern == value.bitPattern)
    }

    @Test func everyFloatReadsBack() {
        var random = JSONSeededGenerator(seed: 77)
        for round in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else {
                #expect(JSONNumber(value) == nil)
                continue
            }
            guard let number = JSONNumber(value), JSONNumber(number.text) != nil, !number.isInteger,
                number.double.bitPattern == value.bitPattern
            else {
                Issue.record("seed 77, round \(round): \(value)")
                return
            }
        }
    }

    @Test func equality() {
        #expect(JSON(1) == 1)
        #expect(JSON(1) != 1.0)
        #expect(JSON.number(JSONNumber("1e2")!) != 100)
        #expect(JSON(Double.nan) == .null)
    }
}
