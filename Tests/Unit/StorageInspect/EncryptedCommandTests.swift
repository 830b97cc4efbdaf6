import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Every command on an encrypted store: with its key as on a plain one, without it or with another one a refusal that
/// says so, and never a word of what the store holds.
@Suite(.serialized) struct EncryptedCommandTests {
    /// Names in capitals stand for paths.
    private static let commands: [(words: [String], shows: String)] = [
        (["summary", "STORE"], "sound"),
        (["snapshot", "STORE"], "key id"),
        (["segments", "STORE"], "1"),
        (["batches", "STORE"], "1"),
        (["records", "STORE", "--full"], "value 30"),
        (["snapshot", "STORE", "--rows", "--full"], "value 7"),
        (["get", "STORE", "--table", "1", "key 7"], "value 7"),
        (["get", "STORE", "--table", "1", "key 30"], "value 30"),
        (["history", "STORE", "--table", "1", "key 30", "--full"], "value 30"),
        (["verify", "STORE"], ""),
        (["verify", "STORE", "--deep"], ""),
        (["diff", "LIVE", "COPY"], ""),
        (["export", "STORE"], "{"),
        (["salvage", "STORE", "--to", "TARGET"], ""),
        (["backup", "STORE", "--to", "TARGET"], ""),
        (["export", "STORE", "--output", "FILE"], ""),
        (["import", "FILE", "--to", "TARGET"], ""),
    ]
    /// Need no key: they show headers, which are plain.
    private static let keyless: Set<String> = ["summary", "segments", "batches", "import"]

    @Test func withItsKeyAndWithout() throws {
        let scratch = try Scratch()
        let (store, key, other) = (scratch.path + "/store", scratch.path + "/key", scratch.path + "/other")
        for path in [key, other] { #expect(Run("keygen", "--output", path).status == .sound) }
        var options = StoreFixture.options
        options.encryption.current = try EncryptionKey(file: key)
        let open = try Store.open(path: store + ".live", options: options)
        try StoreFixture.put(open, 1...20)
        try open.checkpoint()
        try StoreFixture.put(open, 21...40)
        _ = try StoreFilesCopy(source: store + ".live", target: store).run { _ in }
        try open.close()
        _ = try StoreFilesCopy(source: store + ".live", target: store + ".copy").run { _ in }
        for (number, command) in Self.commands.enumerated() {
            func run(_ keys: [String], _ suffix: String) -> Run {
                let paths = [
                    "STORE": store, "LIVE": store + ".live", "COPY": store + ".copy",
                    "TARGET": "\(scratch.path)/to-\(number)\(suffix)", "FILE": scratch.path + "/rows.ndjson",
                ]
                return Run(command.words.map { paths[$0] ?? $0 } + keys)
            }
            let name = command.words.joined(separator: " ")
            let good = run(["--key-file", key], "")
            #expect(good.status == .sound, "\(name): \(good.status) \(good.errors)")
            #expect(good.text.contains(command.shows), "\(name): \(good.text)")
            for (suffix, keys) in [("-without", []), ("-other", ["--key-file", other])] {
                let bad = run(keys, suffix)
                #expect(!bad.text.contains("value "), "\(name): \(bad.text)")
                if Self.keyless.contains(command.words[0]) { continue }
                #expect(bad.status == .usage, "\(name) \(suffix): \(bad.status) \(bad.errors)")
                #expect(bad.errors.contains("key"), "\(name) \(suffix): \(bad.errors)")
            }
        }
    }

    /// After a rotation the log holds batches of both keys.
    @Test func withBothKeys() throws {
        let scratch = try Scratch()
        let (store, key, next) = (scratch.path + "/store", scratch.path + "/key", scratch.path + "/next")
        for path in [key, next] { #expect(Run("keygen", "--output", path).status == .sound) }
        var options = StoreFixture.options
        options.retainLogBytes = .max
        options.encryption.current = try EncryptionKey(file: key)
        try StoreFixture.closed(store, rows: 20, options: options)
        options.encryption.previous = [try EncryptionKey(file: key)]
        options.encryption.current = try EncryptionKey(file: next)
        let open = try Store.open(path: store, options: options)
        try StoreFixture.put(open, 21...40)
        try open.checkpoint()
        try open.close()
        let both = ["--key-file", next, "--key-file", key]
        for words in [
            ["verify", store, "--deep"], ["records", store, "--full"], ["history", store, "--table", "1", "key 7"],
            ["get", store, "--table", "1", "key 30"],
        ] {
            let run = Run(words + both)
            #expect(run.status == .sound, "\(words): \(run.errors)")
        }
        let old = Run(["records", store, "--full", "--key-file", next])
        #expect(old.status == .usage && old.errors.contains("key"), "\(old.status) \(old.errors)")
    }
}
