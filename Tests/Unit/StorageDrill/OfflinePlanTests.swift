import Testing

@testable import StorageDrill

@Suite struct OfflinePlanTests {
    @Test func plansComeAcross() throws {
        var plan = OfflinePlan()
        (plan.step, plan.writer, plan.directory, plan.base) = (.check, .restoreLog, "/some where", "/base")
        (plan.seed, plan.expected, plan.isReported) = (5, 76, true)
        plan.isEncrypted = true
        #expect(try OfflinePlan(arguments: plan.arguments) == plan)
        #expect(throws: DrillError.self) { try OfflinePlan(arguments: ["offline", "check"]) }
    }

    @Test func treesAreComparedByteByByte() throws {
        let (left, right) = (try TemporaryDirectory(), try TemporaryDirectory())
        let comparison = TreeComparison(left.path, right.path)
        try TemporaryDirectory.write([1, 2], to: left.path + "/a")
        try TemporaryDirectory.write([], to: left.path + "/LOCK")
        #expect(try comparison.first() != nil)
        try TemporaryDirectory.write([1, 2], to: right.path + "/a")
        #expect(try comparison.first() == nil)
        try TemporaryDirectory.write([1, 2], to: right.path + "/b")
        #expect(try comparison.first() != nil)
    }

    @Test func aCopyIsTheSame() throws {
        let place = try TemporaryDirectory()
        let (from, to) = (place.path + "/from", place.path + "/to")
        try DrillFiles.createDirectories(from + "/deep")
        try TemporaryDirectory.write([9, 9, 9], to: from + "/deep/file")
        try TreeComparison(from, to).copy()
        #expect(try TreeComparison(from, to).first() == nil)
    }
}
