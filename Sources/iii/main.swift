import CPlatform
import Engine

#if canImport(Glibc)
    import Glibc
#endif

let arguments = (1..<max(1, iii_argument_count())).compactMap { iii_argument($0).map(String.init(cString:)) }
let output: CommandOutput
switch Command.parse(arguments) {
case .serve(let options):
    output = Server.start(options)
case .trigger(let call):
    output = RemoteEngine(call.engine).trigger(call)
case .functionHelp(let call):
    output = RemoteEngine(call.engine).help(call)
case .health(let engine, let isVerbose):
    output = isVerbose ? RemoteEngine(engine).verboseHealth() : RemoteEngine(engine).health()
case .finished(let finished):
    output = finished
}
exit(output.emit())
