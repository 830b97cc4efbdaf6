import Engine
import Testing

@testable import Workers

/// Operations as clients write them, applied to a stored text (nil: absent key).
func applyUpdates(_ operations: String, to stored: String?) throws -> (value: String, errors: [UpdateError]) {
    let operations = try UpdateOperation.decode(JSON.parse("[\(operations)]"))
    let before = try stored.map { try JSON.parse($0) }
    let (value, errors) = UpdateOperation.apply(operations, to: before)
    return (value.description, errors)
}

/// One row of a table of cases: what was stored, operations, what must be stored then, codes of the errors.
struct UpdateCase: Sendable, CustomTestStringConvertible {
    let before: String?
    let operations: String
    let after: String
    let codes: [String]

    init(_ before: String?, _ operations: String, _ after: String, _ codes: String...) {
        self.before = before
        self.operations = operations
        self.after = after
        self.codes = codes
    }

    var testDescription: String { "\(before ?? "absent"): \(operations)" }

    func check() throws {
        let (value, errors) = try applyUpdates(operations, to: before)
        #expect(value == after)
        #expect(errors.map(\.code) == codes)
    }
}

func setting(_ path: String, _ value: String) -> String { #"{"type":"set","path":"\#(path)","value":\#(value)}"# }
func removing(_ path: String) -> String { #"{"type":"remove","path":"\#(path)"}"# }
func incrementing(_ path: String, _ by: String) -> String { #"{"type":"increment","path":"\#(path)","by":\#(by)}"# }
func decrementing(_ path: String, _ by: String) -> String { #"{"type":"decrement","path":"\#(path)","by":\#(by)}"# }
/// `path` is JSON text: a string, a list, null.
func merging(_ path: String, _ value: String) -> String { #"{"type":"merge","path":\#(path),"value":\#(value)}"# }
/// `path` is JSON text: a string, a list, null.
func appending(_ path: String, _ value: String) -> String { #"{"type":"append","path":\#(path),"value":\#(value)}"# }
