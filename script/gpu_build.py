"""How the harness is built alone with its CUDA module and the GPU tests: by script/gpu-pack, which carries the programs, and by
script/gpu-day on the machine itself, where none were carried or those don't run."""
import hashlib
import json
import os
import shutil
import subprocess

SOURCES = ("CMakeLists.txt", "base", "evaluator", "harness", "script/cmake", "tests/CMakeLists.txt", "tests/harness")
SEVERAL = "test_harness_cuda_tensor_parallel"  # takes more than one GPU, and is labelled so
ENDINGS = (".c", ".h", ".cc", ".cu", ".cuh", ".cmake", ".in", ".lua", ".txt")


def source_hash(top):
    """Of all that programs are made of, whether git is there or not."""
    digest = hashlib.sha256()
    for start in SOURCES:
        files = [top / start] if (top / start).is_file() else sorted(p for p in (top / start).rglob("*") if p.suffix in ENDINGS and p.is_file())
        for path in files:
            digest.update(f"{path.relative_to(top)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def configure(top, build, commit, cuda, root=None, carried=False):
    """The command; `cuda`: for which devices, or None; `root`: where libraries were unpacked, which are taken then and no others;
    `carried`: to another machine, without what the harness can do without."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    module = ["-DASSAY_CUDA=ON", f"-DASSAY_CUDA_TARGETS={cuda}", "-DASSAY_WARNINGS_FAIL=OFF"] if cuda else ["-DASSAY_CUDA=OFF"]
    prefix = [f"-DCMAKE_PREFIX_PATH={root}/usr", "-DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON"] if root else []
    optional = "OFF" if carried else "ON"
    return ["cmake", "-S", top, "-B", build, *generator, "-DASSAY_ONLY=harness", f"-DASSAY_OPTIONAL={optional}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O2 -g",
            f"-DASSAY_COMMIT={commit}", *module, *prefix]


def compile(build, cuda, names):
    """The command: the program, the module and the tests, and on where one fails."""
    targets = ["assay", *(["assay_cuda", SEVERAL] if cuda else []), *("test_" + name.replace(".", "_") for name in names)]
    keep_going = ["-k", "0"] if (build / "build.ninja").exists() else ["-k"]
    return ["cmake", "--build", build, "--parallel", str(os.cpu_count() or 1), "--target", *targets, "--", *keep_going]


def gpu_tests(build):
    """name: words of its command, without the folder; of a test that is not built, its name's program."""
    if (build / "programs.json").exists():
        return json.loads((build / "programs.json").read_text())["tests"]
    said = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1", "-L", "gpu"], stdout=subprocess.PIPE, text=True).stdout
    tests = json.loads(said or '{"tests": []}')["tests"]
    return {t["name"]: [os.path.basename(t["command"][0]), *t["command"][1:]] if "command" in t else ["test_" + t["name"].replace(".", "_")] for t in tests}
