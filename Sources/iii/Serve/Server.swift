import Adapters
import Engine
import Logging
import NIOCore
import NIOPosix
import Storage
import Workers

#if canImport(Glibc)
    import Glibc
#endif

/// Runs the engine in this process until a signal ends it.
///
/// The main thread boots the engine, then only waits for signals; everything else happens on one event loop and on
/// the stores' writer threads.
enum Server {
    /// A store can no longer promise durability (storage.md §5.8).
    static let durabilityLostExitCode: Int32 = 74

    /// Serves; returns only when the engine could not start.
    static func start(_ options: ServeOptions) -> CommandOutput {
        Process.prepare()
        do {
            let configuration = try load(options)
            try bootstrapLogging(configuration)
            try run(configuration)
        } catch let error as ConfigurationError {
            return .failure(error)
        } catch {
            return .failure("\(error)")
        }
    }

    private static func load(_ options: ServeOptions) throws(ConfigurationError) -> EngineConfiguration {
        guard let path = options.configPath else { return try EngineConfiguration.defaults() }
        try ConfigFilePreparation.ensure(path, terminal: .process())
        return try EngineConfiguration.load(path: path)
    }

    private static func bootstrapLogging(_ configuration: EngineConfiguration) throws(ConfigurationError) {
        let entry = configuration.entries(ofType: "iii-observability").first
        let observability = try entry?.decode(ObservabilityConfiguration.init) ?? ObservabilityConfiguration()
        let logs = LogSystem(level: observability.level, format: observability.format)
        LoggingSystem.bootstrap(logs.handler)
        var logger = Logger(label: "iii::config")
        for warning in configuration.warnings { logger.warning("\(warning)") }
        // Those about the level are shown whatever it is.
        logger.logLevel = .warning
        for warning in logs.warnings { logger.warning("\(warning)") }
    }

    private static func run(_ configuration: EngineConfiguration) throws -> Never {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let booted = loop.flatSubmit { () -> EventLoopFuture<NIOLoopBound<Lifecycle>> in
            let assembly = EngineAssembly(loop: loop, group: group)
            let stores = StoreRegistry(options: assembly.storageOptions())
            let bound = NIOLoopBound(stores, eventLoop: loop)
            return boot(configuration, assembly, stores).flatMapErrorThrowing { error in
                // A supervisor may try again and again: each attempt leaves its stores as it found them.
                bound.value.closeAll()
                throw error
            }
        }
        let lifecycle = try booted.wait()
        serve(lifecycle, on: loop)
    }

    private static func boot(
        _ configuration: EngineConfiguration,
        _ assembly: EngineAssembly,
        _ stores: StoreRegistry
    ) -> EventLoopFuture<NIOLoopBound<Lifecycle>> {
        do {
            let lifecycle = try assembly.assemble(configuration, stores: stores)
            let bound = NIOLoopBound(lifecycle, eventLoop: assembly.loop)
            return lifecycle.boot().map { bound }
        } catch {
            return assembly.loop.makeFailedFuture(error)
        }
    }

    /// First signal: graceful stop within its deadline. Second: exit at once with 128 + signal.
    private static func serve(_ lifecycle: NIOLoopBound<Lifecycle>, on loop: any EventLoop) -> Never {
        var isStopping = false
        while true {
            let signal = Process.waitForSignal()
            guard !isStopping else { _exit(128 + signal) }
            isStopping = true
            loop.flatSubmit { lifecycle.value.shutdown() }.whenComplete { result in
                switch result {
                case .success:
                    exit(0)
                case .failure(let error):
                    Process.printError("\(error)")
                    exit(1)
                }
            }
        }
    }
}

/// What the engine wants of its process.
enum Process {
    private static var terminationSignals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }

    /// Signals are taken by `waitForSignal` only, from the very start; a vanished peer is an error of its socket, not
    /// of the process, and so is a file that must not grow; sockets may use every descriptor that the system grants.
    static func prepare() {
        var signals = terminationSignals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        // A limit on the size of files (`ulimit -f`) shows as EFBIG, which the store takes for a full disk.
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
    }

    /// A signal came that `waitForSignal` will return: for what takes long before anybody waits.
    static var hasSignalPending: Bool {
        var pending = sigset_t()
        guard sigpending(&pending) == 0 else { return false }
        return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1
    }

    static func waitForSignal() -> Int32 {
        var signals = terminationSignals
        var signal: Int32 = 0
        while sigwait(&signals, &signal) != 0 {}
        return signal
    }

    static func printError(_ message: String) {
        let line = "Error: \(message)\n"
        _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
