import Storage
import Testing

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#endif

/// A store made from an upstream volume, served by the engine: what was in the files, in their order, and it goes on.
@Suite struct ImportedStateTests {
    @Test func theEngineServesAnImportedStore() throws {
        let directory = try TemporaryDirectory()
        let (volume, path) = (directory.path + "/volume", directory.path + "/store")
        mkdir(volume, 0o700)
        let writer = UpstreamVolumeWriter(path: volume)
        let longKey = String(repeating: "k", count: 700)
        try writer.write(
            index: "s",
            [("c", "3"), ("a", #"{"x":[1,2]}"#), ("b", #""ü""#), (longKey, "4")].map { ($0, Array($1.utf8)) }
        )
        try writer.write(index: "", [(key: "", value: Array("null".utf8))])
        try writer.write(index: "many", (0..<2500).map { (key: "\($0)", value: Array("\($0)".utf8)) })

        let store = try Store.open(path: path)
        let source = UpstreamImport(volume: try UpstreamVolume(path: volume), takesSalvage: false)
        let result = try source.run(into: store)
        try source.verify(store)
        try store.close()
        #expect(result.counts == [.state: .init(groups: 3, entries: 2505, bytes: result.counts[.state]?.bytes ?? 0)])

        try DurableState.run(in: path) { (state: DurableState) throws in
            #expect(try state.call("state::list", #"{"scope":"s"}"#) == #"[3,{"x":[1,2]},"ü",4]"#)
            #expect(try state.call("state::get", #"{"scope":"s","key":"a"}"#) == #"{"x":[1,2]}"#)
            #expect(try state.call("state::get", #"{"scope":"s","key":"\#(longKey)"}"#) == "4")
            #expect(try state.call("state::get", #"{"scope":"","key":""}"#) == "null")
            #expect(try state.call("state::list_groups", "{}") == #"{"groups":["","many","s"]}"#)
            let many = "[" + (0..<2500).map(String.init).joined(separator: ",") + "]"
            #expect(try state.call("state::list", #"{"scope":"many"}"#) == many)
            _ = try state.call("state::set", #"{"scope":"s","key":"a","value":1}"#)
            _ = try state.call("state::delete", #"{"scope":"s","key":"c"}"#)
            _ = try state.call("state::set", #"{"scope":"s","key":"c","value":9}"#)
            _ = try state.call("state::set", #"{"scope":"new","key":"k","value":0}"#)
            #expect(try state.call("state::list", #"{"scope":"s"}"#) == #"[1,"ü",4,9]"#)
            #expect(try state.call("state::list", #"{"scope":"new"}"#) == "[0]")
        }
    }

    /// A difference between files and store is found, whichever side has more.
    @Test func verifyFindsDifferences() throws {
        let directory = try TemporaryDirectory()
        let volume = directory.path + "/volume"
        mkdir(volume, 0o700)
        let writer = UpstreamVolumeWriter(path: volume)
        func entries(_ values: [String]) -> [(key: String, value: [UInt8])] {
            values.enumerated().map { (key: "k\($0)", value: Array($1.utf8)) }
        }
        try writer.write(index: "s", entries(["1", "2"]))
        let path = directory.path + "/store"
        let store = try Store.open(path: path)
        _ = try UpstreamImport(volume: try UpstreamVolume(path: volume), takesSalvage: false).run(into: store)
        for (index, values) in [("s", ["1"]), ("s", ["1", "3"]), ("s", ["1", "2", "3"]), ("t", ["1"])] {
            try writer.write(index: "s", entries(["1", "2"]))
            try writer.write(index: index, entries(values))
            let source = UpstreamImport(volume: try UpstreamVolume(path: volume), takesSalvage: false)
            #expect(throws: UpstreamError.self, "\(index) \(values)") {
                try source.verify(store)
            }
        }
        try store.close()
    }
}
